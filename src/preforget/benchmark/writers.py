"""Tables as files: CSV and JSON for programs, Markdown for people."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from preforget.benchmark.columns import COLUMNS, NEAR, Column
from preforget.benchmark.headlines import Summary
from preforget.benchmark.tables import Results, Row, Value, as_dict
from preforget.pictures.svg import plain


def to_json(results: Results) -> str:
    """Return everything: rows, data notes, budget, chosen settings, machines."""
    return json.dumps(as_dict(results), indent=1, allow_nan=False) + "\n"


def to_csv(results: Results) -> str:
    """Return one line per row and column, with mean, interval, number of cells, and the mean of its own retrain."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write(["data", "k", "who", "starts_from", "column", "mean", "low", "high", "n", "retrain_mean"])
    for row in results.rows:
        for name in results.columns:
            one, own = row.values.get(name), row.retrain.get(name)
            if one is not None:
                last = "" if own is None else own.mean
                write(
                    [
                        row.data,
                        row.k,
                        row.who,
                        row.starts_from,
                        name,
                        one.mean,
                        one.low,
                        one.high,
                        one.n,
                        last,
                    ]
                )
    return out.getvalue()


def to_markdown(results: Results, said: Summary) -> str:
    """Return what is said in short and one table per data set and k, with notes on the data and chosen options."""
    lines = ["\n\n".join(said.sentences), ""]
    for grid in said.grids:
        lines += [f"### {grid.title}", "", f"| {' | '.join(grid.head)} |", "|---" * len(grid.head) + "|"]
        lines += [*(f"| {' | '.join(row)} |" for row in grid.rows), ""]
    for data, k in tables_of(results):
        lines += [f"### {data}, {k} forgotten", "", f"{_about(results, data, k)}", ""]
        titles = ["", *(COLUMNS[name].short for name in results.columns)]
        lines += [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
        for row in results.rows:
            if (row.data, row.k) == (data, k):
                lines.append(f"| {' | '.join([_name(row), *_cells(row, results.columns)])} |")
        lines += ["", *chosen(results, data, k)]
    return "\n".join(lines)


def tables_of(results: Results) -> list[tuple[str, int]]:
    """Return data set and k of each table, in order."""
    return list(dict.fromkeys((row.data, row.k) for row in results.rows))


def chosen(results: Results, data: str, k: int) -> list[str]:
    """Return a paragraph: what each search chose of the options that it could vary; nothing where none was made."""
    found: dict[str, dict[str, None]] = {}
    for one in results.settings:
        if (one["data"], one["k"]) == (data, k) and one.get("space"):
            options = ", ".join(f"{name} {one['options'][name]}" for name in one["space"])
            found.setdefault(one["who"], {})[options] = None
    said = "; ".join(f"{who}: {' or '.join(options)}" for who, options in found.items())
    return [f"Chosen on validation data: {said}.", ""] if said else []


def cell(value: Value | None, column: Column) -> str:
    """Return mean and half the interval's width, shares in percent.

    >>> cell(Value(0.9652, 0.9552, 0.9752, 3), COLUMNS["ra"]), cell(None, COLUMNS["ra"])
    ('96.5 ± 1.0', '–')
    """
    if value is None:
        return "–"
    half = None if value.low is None or value.high is None else (value.high - value.low) / 2
    if column.unit == "share" and column.name not in ("auroc", "mia"):
        mean = f"{100 * value.mean:+.1f}" if column.better == NEAR else f"{100 * value.mean:.1f}"
        return mean if half is None else f"{mean} ± {100 * half:.1f}"
    if column.unit == "share":
        return f"{value.mean:.3f}" if half is None else f"{value.mean:.3f} ± {half:.3f}"
    if column.unit == "count" or column.unit == "bytes":
        return _large(value.mean)
    return plain(value.mean) if half is None else f"{plain(value.mean)} ± {plain(half)}"


def _large(number: float) -> str:
    """Return a count or a number of bytes in thousands or millions.

    >>> _large(950), _large(20_480), _large(1_500_000)
    ('950', '20.5 k', '1.50 M')
    """
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:.3g}{letter}" if number / size >= 10 else f"{number / size:.2f}{letter}"
    return f"{number:.0f}"


def _cells(row: Row, columns: Sequence[str]) -> list[str]:
    if not row.cells:
        return [row.failed[0] if row.failed else "not done", *[""] * (len(columns) - 1)]
    return [cell(row.values.get(name), COLUMNS[name]) for name in columns]


def _name(row: Row) -> str:
    """Return a contender with what is lacking."""
    lacking = [f"{len(row.failed)} failed"] * bool(row.failed and row.cells)
    lacking += [f"{row.missing} missing"] * bool(row.missing)
    return f"{row.who} ({', '.join(lacking)})" if lacking else row.who


def _about(results: Results, data: str, k: int) -> str:
    one = next(one for one in results.data if one["name"] == data)
    seeds = len(results.budget["seeds"])
    return (
        f"{one['note']}. {one['train']:,} training and {one['test']:,} test inputs, {one['classes']} classes; "
        f"{one['backbone']} at {one['image_size']} px, {one['dtype']}; {one['sets'][str(k)]} x "
        f"{'1 seed' if seeds == 1 else f'{seeds} seeds'}."
    )
