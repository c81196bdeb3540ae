"""From cells to a table: one row per data set, number of classes and contender, with mean and interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from preforget.audit.attacks.mixed_stream import FORGET, RETAIN
from preforget.benchmark.class_sets import sizes, stated
from preforget.benchmark.columns import COLUMNS
from preforget.benchmark.context import Context, Task, cases, key_of
from preforget.core.errors import UsageError
from preforget.metrics.evidence import student_interval

RETRAIN_VALUES = {"fa": FORGET, "ra": RETAIN, "auroc": "auroc", "mia": "mia", "recovery": "recovery"}
"""The measures of each contender's own retrain that are shown, and their names in a cell."""


@dataclass(frozen=True)
class Value:
    """The mean of `n` cells with its 95 % Student interval over seeds and sets, None for a single cell."""

    mean: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Row:
    """One contender on one data set with `k` classes forgotten.

    `starts_from`: an engine, the ordinary classifier ("lora"), or another classifier that the method prepares;
    `values`: by names of `COLUMNS`; `retrain`: the same of its own retrain, with `learn_seconds`; `failed`: why some
    cells have no values.
    """

    data: str
    k: int
    who: str
    engine: bool
    starts_from: str
    values: dict[str, Value]
    retrain: dict[str, Value]
    cells: int
    failed: tuple[str, ...] = ()
    missing: int = 0


@dataclass(frozen=True)
class Results:
    """All rows of a matrix and the facts behind them; `settings`: what was searched and chosen, per cell."""

    name: str
    columns: tuple[str, ...]
    rows: list[Row]
    data: list[dict[str, Any]]
    budget: dict[str, Any]
    machines: list[dict[str, Any]]
    settings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """How many cells are not done yet."""
        return sum(row.missing for row in self.rows)


def results_of(context: Context) -> Results:
    """Read every cell of the matrix that is done; raises `UsageError` if there is none."""
    m, work = context.matrix, context.work()
    rows, machines, settings = [], dict[str, dict[str, Any]](), []
    for name, known in context.known.items():
        for k in sizes(m.k, len(known.classes)):
            for contender in [result.name for result in m.engines] + [result.name for result in m.methods]:
                tasks = [
                    Task("cell", name, contender, *case) for case in cases(context, name) if len(case[0]) == k
                ]
                results = [work.get(*key_of(context, task)) for task in tasks]
                finished = [result for result in results if result is not None]
                rows.append(
                    row_of(name, k, contender, finished, len(tasks), engine=m.engine(contender) is not None)
                )
                machines |= {str(sorted(result["machine"].items())): result["machine"] for result in finished}
                settings += [setting_of(result) for result in finished]
    if not any(row.cells for row in rows):
        raise UsageError("no cell of this matrix is done in this folder; run it without --only-tables")
    data = [
        {
            "name": name,
            "note": known.note,
            "classes": len(known.classes),
            **known.counts,
            "backbone": known.backbone,
            "image_size": known.image_size,
            "dtype": known.dtype,
            "sets": {str(k): stated(len(known.classes), k, m.sets) for k in sizes(m.k, len(known.classes))},
        }
        for name, known in context.known.items()
    ]
    budget = {
        "trials": m.trials,
        "search": m.search,
        "seeds": list(m.seeds),
        "sets": m.sets,
        "rows": m.rows,
        "lora": m.lora,
        "left_out": list(context.left_out),
    }
    return Results(m.name, m.measures, rows, data, budget, list(machines.values()), settings)


def row_of(
    data: str, k: int, who: str, finished: Sequence[Mapping[str, Any]], expected: int, *, engine: bool
) -> Row:
    """Return the row of the finished cells; a measure that some cells lack is the mean of the others."""
    good = [result for result in finished if "failed" not in result]
    values = {
        name: [result["values"][name] for result in good if name in result["values"]] for name in COLUMNS
    }
    retrain_values = {
        name: [result["retrain"][key] for result in good if key in result["retrain"]]
        for name, key in {**RETRAIN_VALUES, "learn_seconds": "learn_seconds"}.items()
    }
    return Row(
        data=data,
        k=k,
        who=who,
        engine=engine,
        starts_from=good[0]["starts_from"] if good else "",
        values={name: value_of(column, COLUMNS[name].unit) for name, column in values.items() if column},
        retrain={
            name: value_of(column, COLUMNS[name].unit) for name, column in retrain_values.items() if column
        },
        cells=len(good),
        failed=tuple(dict.fromkeys(result["failed"] for result in finished if "failed" in result)),
        missing=expected - len(finished),
    )


def value_of(column: Sequence[float], unit: str) -> Value:
    """Return mean and interval, cut off at values that the measure can't have: below 0, and for shares above 1.

    A gap may be negative and keeps its lower end: only a column without negative values is cut at 0.

    >>> value_of([0.5, 0.5], "share")
    Value(mean=0.5, low=0.5, high=0.5, n=2)
    """
    values = np.asarray(column, dtype=np.float64)
    if len(values) == 1:
        return Value(float(values[0]), None, None, 1)
    low, high = student_interval(values)
    if (values >= 0).all():
        low = max(low, 0.0)
    if unit == "share":
        low, high = max(low, -1.0), min(high, 1.0)
    return Value(float(values.mean()), low, high, len(values))


def setting_of(cell: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a cell, and for a method the space, the trials and the objective of its search."""
    task, search = cell["cell"], cell.get("search", {})
    return {
        **{name: task[name] for name in ("data", "who", "k", "forgotten", "seed")},
        "options": cell.get("options", {}),
        **{
            name: search[name]
            for name in ("space", "objective", "budget", "trials", "seconds")
            if name in search
        },
    }


def as_dict(results: Results) -> dict[str, Any]:
    """Return plain values."""
    return {"format": 1, **asdict(results)}
