"""Rows with known numbers."""

from __future__ import annotations

from typing import Any

from preforget.benchmark.columns import COLUMNS
from preforget.benchmark.tables import Results, Row, Value

PLAIN = {
    **{
        "fa": 0.0,
        "ra": 0.9,
        "auroc": 0.8,
        "tow": 0.9,
        "gap": 0.1,
        "mia": 0.1,
        "recovery": 0.5,
        "recovery_gap": 0.0,
    },
    **{"forget_seconds": 10.0, "learn_seconds": 100.0, "parameters": 1000.0, "bytes": 4000.0},
}


def row(who: str, *, engine: bool = False, spread: float = 0.0, **values: float) -> Row:
    """Return a row on "blobs" with k = 1; every value has an interval of `spread` to both sides, none for 0."""
    column = {
        name: Value(value, value - spread, value + spread, 3) if spread else Value(value, None, None, 1)
        for name, value in {**PLAIN, **values}.items()
    }
    start = "engine" if engine else "lora"
    return Row("blobs", 1, who, engine, start, column, {"ra": Value(0.91, None, None, 1)}, 1)


def results(*rows: Row, **changes: Any) -> Results:
    """Return a table of rows."""
    about = {
        **{"name": "blobs", "note": "drawn <blobs>", "classes": 3, "train": 1200, "validation": 9, "test": 9},
        **{
            "backbone": "builtin",
            "image_size": 64,
            "dtype": "float32",
            "sets": {"1": "all 3 sets", "2": "all 3 sets"},
        },
    }
    budget = {
        **{"trials": 2, "search": "each", "seeds": [0], "sets": 3, "rows": 100, "lora": {}, "left_out": []},
    }
    machine = {
        **{"processor": "x", "device": "cpu", "cores": 2, "threads": 1, "workers": 2, "torch": "2"},
    }
    values: dict[str, Any] = {"name": "tiny", "columns": tuple(COLUMNS), "rows": list(rows), "data": [about]}
    return Results(**{**values, "budget": budget, "machines": [machine], **changes})
