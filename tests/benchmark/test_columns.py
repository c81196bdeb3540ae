from __future__ import annotations

import pytest

from preforget.benchmark.columns import COLUMNS, RECOVERY, is_better


@pytest.mark.parametrize(
    ("name", "one", "other", "wanted"),
    [
        ("fa", 0.1, 0.2, True),
        ("ra", 0.1, 0.2, False),
        ("ra", 0.5, 0.5, False),
        ("forget_seconds", 1.0, 1.0 + 1e-12, False),
        ("recovery_gap", 0.1, -0.2, True),
        ("recovery_gap", -0.2, 0.2, False),
    ],
)
def test_which_is_better(name: str, one: float, other: float, wanted: bool) -> None:
    assert is_better(COLUMNS[name], one, other) is wanted


def test_names() -> None:
    assert all(column.name == name for name, column in COLUMNS.items())
    assert set(RECOVERY) < set(COLUMNS)
