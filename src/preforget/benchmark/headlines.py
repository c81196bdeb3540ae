"""What tables say in sentences: ratios of time, accuracy beside retraining, and wherever a baseline is better.

Everything follows from the rows and from nothing else. A method counts where at most `FORGOTTEN` of the forgotten
test inputs are still recognised: one that leaves more has not forgotten, whatever else it is good at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from preforget.audit.svg import plain, signed
from preforget.benchmark.columns import COLUMNS, Column, is_better
from preforget.benchmark.tables import Results, Row, Value

FORGOTTEN = 0.05
TRIVIAL = "drop_row"
"""It only hides the answer, and is as fast as can be: the fastest method beside it is named too."""
ORACLE = "retrain"
CLEAR, OVERLAP, SINGLE = "clear", "intervals overlap", "single values"


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


def tables(rows: Sequence[Row]) -> list[tuple[str, int, list[Row], list[Row]]]:
    """Return data set, k, engines, and the methods that forget, of each group of rows that are compared."""
    found = []
    for data, k in dict.fromkeys((row.data, row.k) for row in rows):
        own = [row for row in rows if (row.data, row.k) == (data, k) and row.cells]
        methods = [row for row in own if not row.engine and row.values["fa"].mean <= FORGOTTEN]
        found.append((data, k, [row for row in own if row.engine], methods))
    return found


def sentences(results: Results) -> list[str]:
    """Return first where baselines beat the engines, then the headlines, each as one sentence."""
    return [*beaten_sentences(results), *headlines(results.rows)]


def headlines(rows: Sequence[Row]) -> list[str]:
    """Return, table by table and engine by engine: seconds to forget and to learn, and retained accuracy."""
    found = []
    for data, k, engines, methods in tables(rows):
        for engine in engines:
            said = [_forgetting(engine, methods), _learning(engine, methods), _retaining(engine, methods)]
            if any(said):
                found.append(f"{data}, k = {k}, {engine.who}: {'; '.join(filter(None, said))}.")
    return found


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
                    sure = _sure(one, own)
                    found.append(Beaten(data, k, column.name, engine.who, best.who, one.mean, own.mean, sure))
    return found


def beaten_sentences(results: Results) -> list[str]:
    """Return one sentence per engine: in which columns, how often, and where the most clearly it is beaten."""
    lost = beaten(results.rows)
    compared = len(tables(results.rows))
    found = []
    for engine in dict.fromkeys(row.who for row in results.rows if row.engine and row.cells):
        parts = []
        alone = all(one.sure == SINGLE for one in lost if one.engine == engine)
        for name in results.columns:
            own = [one for one in lost if (one.engine, one.column) == (engine, name)]
            if own:
                worst = max(own, key=lambda one: (one.sure == CLEAR, abs(one.value - one.engine_value)))
                noise = "" if alone or worst.sure == CLEAR else f"; {worst.sure}"
                where = f"in {len(own)} of {compared} tables, most on {worst.data}, k = {worst.k}: "
                parts.append(
                    f"{COLUMNS[name].said} ({where if compared > 1 else ''}{plain(worst.engine_value)}, "
                    f"{worst.who} {plain(worst.value)}{noise})"
                )
        if parts:
            found.append(
                f"Baselines beat {engine} in {', '.join(parts)}{f'; all {SINGLE}' if alone else ''}."
            )
        elif compared:
            found.append(f"No baseline that forgets beats {engine} in any column.")
    return found


def fastest(rows: Iterable[Row]) -> Row | None:
    """Return the row with the fewest seconds to forget."""
    return min(rows, key=lambda row: row.values["forget_seconds"].mean, default=None)


def _forgetting(engine: Row, methods: Sequence[Row]) -> str:
    rivals = (fastest(methods), fastest(row for row in methods if row.who != TRIVIAL))
    said = []
    for rival in dict.fromkeys(row.who for row in rivals if row):
        own = next(row for row in methods if row.who == rival)
        said.append(f"{_ratio(engine, own, 'forget_seconds')} as long as {rival}")
    return f"forgetting takes {' and '.join(said)}" if said else "no baseline forgets"


def _learning(engine: Row, methods: Sequence[Row]) -> str:
    """Compare with the ordinary classifier, which most methods start from."""
    lora = next((row for row in methods if row.starts_from == "lora"), None)
    if lora is None:
        return ""
    return f"learning takes {_ratio(engine, lora, 'learn_seconds')} as long as LoRA"


def _retaining(engine: Row, methods: Sequence[Row]) -> str:
    own = engine.values["ra"].mean
    said = []
    if "ra" in engine.retrain:
        said.append(f"{signed(own - engine.retrain['ra'].mean)} to its own retrain")
    lora = next((row for row in methods if row.who == ORACLE), None)
    if lora is not None:
        said.append(f"{signed(own - lora.values['ra'].mean)} to LoRA retrained")
    return f"retained accuracy {plain(own)}, {' and '.join(said)}" if said else ""


def _ratio(one: Row, other: Row, column: str) -> str:
    """Return a ratio as people read it: 0.012 or 12.3 times."""
    below = other.values[column].mean
    return f"{one.values[column].mean / below:.3g} times" if below > 0 else "more"


def _best(column: Column, rows: Sequence[Row]) -> Row | None:
    best: Row | None = None
    for row in rows:
        if column.name in row.values and (
            best is None or is_better(column, row.values[column.name].mean, best.values[column.name].mean)
        ):
            best = row
    return best


def _sure(one: Value, other: Value) -> str:
    """Say whether two intervals are apart; single values have none, so nothing is clear."""
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return SINGLE
    return CLEAR if one.high < other.low or other.high < one.low else OVERLAP
