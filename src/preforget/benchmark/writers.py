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
    """Return everything as JSON: rows, notes on data, budget, chosen settings, machines."""
    return json.dumps(as_dict(results), indent=1, allow_nan=False) + "\n"


def to_csv(results: Results) -> str:
    """Return one line per row and column: mean, interval, number of cells, and the mean of its own retrain."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write(["data", "k", "who", "starts_from", "column", "mean", "low", "high", "n", "retrain_mean"])
    for row in results.rows:
        for name in results.columns:
            value, retrained = row.values.get(name), row.retrain.get(name)
            if value is not None:
                last = "" if retrained is None else retrained.mean
                write(
                    [
                        row.data,
                        row.k,
                        row.who,
                        row.starts_from,
                        name,
                        value.mean,
                        value.low,
                        value.high,
                        value.n,
                        last,
                    ]
                )
    return out.getvalue()


def to_markdown(results: Results, overview: Summary) -> str:
    """Return the summary and one table per data set and k, with notes on the data and the chosen options."""
    lines = ["\n\n".join(overview.sentences), ""]
    for grid in overview.grids:
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
    """Return a paragraph with what each search chose of its options, or nothing without a search."""
    choices: dict[str, dict[str, None]] = {}
    for setting in results.settings:
        if (setting["data"], setting["k"]) == (data, k) and setting.get("space"):
            options = ", ".join(f"{name} {setting['options'][name]}" for name in setting["space"])
            choices.setdefault(setting["who"], {})[options] = None
    sentence = "; ".join(f"{who}: {' or '.join(options)}" for who, options in choices.items())
    return [f"Chosen on validation data: {sentence}.", ""] if sentence else []


def cell(value: Value | None, column: Column) -> str:
    """Return the mean and half the width of the interval; shares in percent.

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
    """Return a contender's name with its counts of failed and missing cells."""
    lacking = [f"{len(row.failed)} failed"] * bool(row.failed and row.cells)
    lacking += [f"{row.missing} missing"] * bool(row.missing)
    return f"{row.who} ({', '.join(lacking)})" if lacking else row.who


def _about(results: Results, data: str, k: int) -> str:
    about = next(about for about in results.data if about["name"] == data)
    seeds = len(results.budget["seeds"])
    return (
        f"{about['note']}. {about['train']:,} training and {about['test']:,} test inputs, {about['classes']} classes; "
        f"{about['backbone']} at {about['image_size']} px, {about['dtype']}; {about['sets'][str(k)]} x "
        f"{'1 seed' if seeds == 1 else f'{seeds} seeds'}."
    )
