"""A summary of the tables: where a baseline is better, ratios of time, and accuracy beside retraining.

Everything follows from the rows alone. A method counts if at most `FORGOTTEN` of the forgotten test inputs are still
recognised: one that leaves more has not forgotten, whatever else it is good at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from preforget.benchmark.columns import COLUMNS, Column, is_better
from preforget.benchmark.tables import Results, Row, Value
from preforget.pictures.svg import plain, signed

FORGOTTEN = 0.05
TRIVIAL = "drop_row"
"""It only hides the answer, as fast as that can be done: the fastest other method is named too."""
ORACLE = "retrain"
CLEAR, OVERLAP, SINGLE = "intervals apart", "intervals overlap", "no intervals"
ABSENT = "–"
HEADLINES = (
    "",
    "seconds to forget / drop_row",
    "seconds to forget / fastest other",
    "seconds to learn / LoRA",
    "retained accuracy",
    "less its own retrain",
    "less LoRA retrained",
)


@dataclass(frozen=True)
class Beaten:
    """The best method that is better than an engine in a column of a table; `sure`: `CLEAR`, `OVERLAP` or `SINGLE`."""

    data: str
    k: int
    column: str
    engine: str
    who: str
    value: float
    engine_value: float
    sure: str


@dataclass(frozen=True)
class Grid:
    """A small table of texts; the first of each row names it."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Summary:
    """The sentences and small tables above the large tables."""

    sentences: tuple[str, ...]
    grids: tuple[Grid, ...]


def tables(rows: Sequence[Row]) -> list[tuple[str, int, list[Row], list[Row]]]:
    """Return data set, k, the engines and the methods that forget, for each group of rows that are compared."""
    comparisons = []
    for data, k in dict.fromkeys((row.data, row.k) for row in rows):
        rows_done = [row for row in rows if (row.data, row.k) == (data, k) and row.cells]
        methods = [row for row in rows_done if not row.engine and row.values["fa"].mean <= FORGOTTEN]
        comparisons.append((data, k, [row for row in rows_done if row.engine], methods))
    return comparisons


def summary(results: Results) -> Summary:
    """Return where methods beat the engines, first in sentences, and the headlines as a grid."""
    lost = beaten(results.rows)
    engines = [row.who for row in results.rows if row.engine and row.cells]
    names = tuple(dict.fromkeys(engines))
    compared = len(tables(results.rows))
    grids = [_where(results, names, lost), headlines(results.rows)]
    return Summary(
        tuple(_sentence(results, engine, lost, compared) for engine in names),
        tuple(grid for grid in grids if grid.rows),
    )


def headlines(rows: Sequence[Row]) -> Grid:
    """Return seconds to forget and to learn and retained accuracy, table by table and engine by engine."""
    lines = []
    for data, k, engines, methods in tables(rows):
        trivial = next((row for row in methods if row.who == TRIVIAL), None)
        other = min(
            (row for row in methods if row.who != TRIVIAL),
            key=lambda row: row.values["forget_seconds"].mean,
            default=None,
        )
        lora = next((row for row in methods if row.starts_from == "lora"), None)
        oracle = next((row for row in methods if row.who == ORACLE), None)
        for engine in engines:
            accuracy = engine.values["ra"].mean
            lines.append(
                (
                    f"{data}, k = {k}, {engine.who}",
                    _ratio(engine, trivial, "forget_seconds"),
                    f"{_ratio(engine, other, 'forget_seconds')} ({other.who})" if other else ABSENT,
                    _ratio(engine, lora, "learn_seconds"),
                    plain(accuracy),
                    signed(accuracy - engine.retrain["ra"].mean) if "ra" in engine.retrain else ABSENT,
                    signed(accuracy - oracle.values["ra"].mean) if oracle else ABSENT,
                )
            )
    return Grid("Headlines", HEADLINES, tuple(lines))


def beaten(rows: Sequence[Row]) -> list[Beaten]:
    """Return every column of every table in which some method is better than an engine, with the best such method.

    Retraining can't win a column that compares with retraining.
    """
    losses = []
    for data, k, engines, methods in tables(rows):
        for engine in engines:
            for column in COLUMNS.values():
                rivals = [row for row in methods if not (column.oracle and row.who == ORACLE)]
                best = _best(column, rivals)
                if best is None or column.name not in engine.values:
                    continue
                rival, ours = best.values[column.name], engine.values[column.name]
                if is_better(column, rival.mean, ours.mean):
                    sure = _sure(rival, ours, share=column.unit == "share")
                    losses.append(
                        Beaten(data, k, column.name, engine.who, best.who, rival.mean, ours.mean, sure)
                    )
    return losses


def _sentence(results: Results, engine: str, lost: Sequence[Beaten], compared: int) -> str:
    """Say in which columns an engine is beaten, in how many tables, and in how many of them beyond chance."""
    losses = [loss for loss in lost if loss.engine == engine]
    alone = all(loss.sure == SINGLE for loss in losses)
    parts = []
    for name in results.columns:
        in_column = [loss for loss in losses if loss.column == name]
        if in_column:
            clear = sum(loss.sure == CLEAR for loss in in_column)
            often = [str(len(in_column))] * (compared > 1)
            unclear = OVERLAP if any(loss.sure == OVERLAP for loss in in_column) else SINGLE
            sure = [f"{clear} with {CLEAR}" if compared > 1 and clear else CLEAR if clear else unclear]
            notes = ", ".join(often + sure * (not alone))
            parts.append(f"{COLUMNS[name].said} ({notes})" if notes else COLUMNS[name].said)
    if not parts:
        return f"No baseline that forgets beats {engine} in any column."
    start = f"Of {compared} tables, baselines beat" if compared > 1 else "Baselines beat"
    return f"{start} {engine} in {', '.join(parts)}{f'; {SINGLE}' if alone else ''}."


def _where(results: Results, engines: Sequence[str], lost: Sequence[Beaten]) -> Grid:
    """Return, for each column and engine, the case in which the engine loses most clearly."""
    lines = []
    for name in results.columns:
        cells = []
        for engine in engines:
            losses = [loss for loss in lost if (loss.engine, loss.column) == (engine, name)]
            worst = max(
                losses,
                key=lambda loss: (loss.sure == CLEAR, abs(loss.value - loss.engine_value)),
                default=None,
            )
            cells.append(
                f"{plain(worst.engine_value)}, {worst.who} {plain(worst.value)} ({worst.data}, k = {worst.k})"
                if worst
                else ABSENT
            )
        if any(text != ABSENT for text in cells):
            lines.append((COLUMNS[name].said, *cells))
    return Grid("Where a baseline is better, and where the most", ("", *engines), tuple(lines))


def _ratio(row: Row, other: Row | None, column: str) -> str:
    """Return a ratio to three digits, or `ABSENT` if there is nothing to divide by."""
    below = other.values[column].mean if other else 0.0
    return f"{row.values[column].mean / below:.3g}" if below > 0 else ABSENT


def _best(column: Column, rows: Sequence[Row]) -> Row | None:
    best: Row | None = None
    for row in rows:
        if column.name in row.values and (
            best is None or is_better(column, row.values[column.name].mean, best.values[column.name].mean)
        ):
            best = row
    return best


def _sure(value: Value, reference: Value, *, share: bool) -> str:
    """Say whether two intervals are apart; single values have no interval, so they are never clear.

    Neither are two shares that no seed changes: they differ by a few test inputs, and how far chance in the choice of
    test inputs would move them is unknown.
    """
    if value.low is None or value.high is None or reference.low is None or reference.high is None:
        return SINGLE
    if share and value.low == value.high and reference.low == reference.high:
        return SINGLE
    return CLEAR if value.high < reference.low or reference.high < value.low else OVERLAP
