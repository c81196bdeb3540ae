"""What tables say in short: wherever a baseline is better, ratios of time, and accuracy beside retraining.

Everything follows from the rows and from nothing else. A method counts where at most `FORGOTTEN` of the forgotten
test inputs are still recognised: one that leaves more has not forgotten, whatever else it is good at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from preforget.benchmark.columns import COLUMNS, Column, is_better
from preforget.benchmark.tables import Results, Row, Value
from preforget.pictures.svg import plain, signed

FORGOTTEN = 0.05
TRIVIAL = "drop_row"
"""It only hides the answer, and is as fast as can be: the fastest method beside it is named too."""
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
    """What is said before the tables."""

    sentences: tuple[str, ...]
    grids: tuple[Grid, ...]


def tables(rows: Sequence[Row]) -> list[tuple[str, int, list[Row], list[Row]]]:
    """Return data set, k, engines, and the methods that forget, of each group of rows that are compared."""
    found = []
    for data, k in dict.fromkeys((row.data, row.k) for row in rows):
        own = [row for row in rows if (row.data, row.k) == (data, k) and row.cells]
        methods = [row for row in own if not row.engine and row.values["fa"].mean <= FORGOTTEN]
        found.append((data, k, [row for row in own if row.engine], methods))
    return found


def summary(results: Results) -> Summary:
    """Return who beats us, in sentences first, and the headlines as a grid."""
    lost = beaten(results.rows)
    engines = [row.who for row in results.rows if row.engine and row.cells]
    names = tuple(dict.fromkeys(engines))
    compared = len(tables(results.rows))
    found = [_where(results, names, lost), headlines(results.rows)]
    return Summary(
        tuple(_sentence(results, engine, lost, compared) for engine in names),
        tuple(grid for grid in found if grid.rows),
    )


def headlines(rows: Sequence[Row]) -> Grid:
    """Return, table by table and engine by engine: seconds to forget and to learn, and retained accuracy."""
    found = []
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
            own = engine.values["ra"].mean
            found.append(
                (
                    f"{data}, k = {k}, {engine.who}",
                    _ratio(engine, trivial, "forget_seconds"),
                    f"{_ratio(engine, other, 'forget_seconds')} ({other.who})" if other else ABSENT,
                    _ratio(engine, lora, "learn_seconds"),
                    plain(own),
                    signed(own - engine.retrain["ra"].mean) if "ra" in engine.retrain else ABSENT,
                    signed(own - oracle.values["ra"].mean) if oracle else ABSENT,
                )
            )
    return Grid("Headlines", HEADLINES, tuple(found))


def beaten(rows: Sequence[Row]) -> list[Beaten]:
    """Return every column of every table in which some method is better than an engine, with the best such method.

    Retraining can't win where it is the measure itself.
    """
    found = []
    for data, k, engines, methods in tables(rows):
        for engine in engines:
            for column in COLUMNS.values():
                rivals = [row for row in methods if not (column.oracle and row.who == ORACLE)]
                best = _best(column, rivals)
                if best is None or column.name not in engine.values:
                    continue
                one, own = best.values[column.name], engine.values[column.name]
                if is_better(column, one.mean, own.mean):
                    sure = _sure(one, own, share=column.unit == "share")
                    found.append(Beaten(data, k, column.name, engine.who, best.who, one.mean, own.mean, sure))
    return found


def _sentence(results: Results, engine: str, lost: Sequence[Beaten], compared: int) -> str:
    """Say in which columns an engine is beaten, in how many tables, and in how many of them beyond chance."""
    own = [one for one in lost if one.engine == engine]
    alone = all(one.sure == SINGLE for one in own)
    parts = []
    for name in results.columns:
        times = [one for one in own if one.column == name]
        if times:
            clear = sum(one.sure == CLEAR for one in times)
            often = [str(len(times))] * (compared > 1)
            unclear = OVERLAP if any(one.sure == OVERLAP for one in times) else SINGLE
            sure = [f"{clear} with {CLEAR}" if compared > 1 and clear else CLEAR if clear else unclear]
            notes = ", ".join(often + sure * (not alone))
            parts.append(f"{COLUMNS[name].said} ({notes})" if notes else COLUMNS[name].said)
    if not parts:
        return f"No baseline that forgets beats {engine} in any column."
    start = f"Of {compared} tables, baselines beat" if compared > 1 else "Baselines beat"
    return f"{start} {engine} in {', '.join(parts)}{f'; {SINGLE}' if alone else ''}."


def _where(results: Results, engines: Sequence[str], lost: Sequence[Beaten]) -> Grid:
    """Return for each column and engine the case that is lost the most clearly."""
    found = []
    for name in results.columns:
        cells = []
        for engine in engines:
            own = [one for one in lost if (one.engine, one.column) == (engine, name)]
            worst = max(
                own, key=lambda one: (one.sure == CLEAR, abs(one.value - one.engine_value)), default=None
            )
            cells.append(
                f"{plain(worst.engine_value)}, {worst.who} {plain(worst.value)} ({worst.data}, k = {worst.k})"
                if worst
                else ABSENT
            )
        if any(text != ABSENT for text in cells):
            found.append((COLUMNS[name].said, *cells))
    return Grid("Where a baseline is better, and where the most", ("", *engines), tuple(found))


def _ratio(one: Row, other: Row | None, column: str) -> str:
    """Return a ratio as people read it; absent where there is nothing to divide by."""
    below = other.values[column].mean if other else 0.0
    return f"{one.values[column].mean / below:.3g}" if below > 0 else ABSENT


def _best(column: Column, rows: Sequence[Row]) -> Row | None:
    best: Row | None = None
    for row in rows:
        if column.name in row.values and (
            best is None or is_better(column, row.values[column.name].mean, best.values[column.name].mean)
        ):
            best = row
    return best


def _sure(one: Value, other: Value, *, share: bool) -> str:
    """Say whether two intervals are apart; single values have none, so nothing is clear.

    Nor have two shares that no seed moves: they differ by a few test inputs, and how many others would is unknown.
    """
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return SINGLE
    if share and one.low == one.high and other.low == other.high:
        return SINGLE
    return CLEAR if one.high < other.low or other.high < one.low else OVERLAP
