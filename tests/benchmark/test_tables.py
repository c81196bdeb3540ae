from __future__ import annotations

from typing import Any

import pytest

from preforget.benchmark.context import Context, begin
from preforget.benchmark.tables import Value, as_dict, results_of, row_of, value_of
from preforget.core.errors import UsageError


def cell(ra: float, **more: float) -> dict[str, Any]:
    return {
        "starts_from": "lora",
        "values": {"fa": 0.0, "ra": ra, **more},
        "retrain": {"retain accuracy": 0.5},
    }


def test_student_interval_by_hand() -> None:
    found = value_of([1.0, 2.0, 3.0], "seconds")
    assert found.mean == 2
    assert found.high == pytest.approx(2 + 4.302653 / 3**0.5, abs=1e-4)
    assert found.low == 0  # no measure of time is below


def test_ends_that_no_share_has_are_cut_but_a_gap_may_be_negative() -> None:
    assert value_of([1.0, 0.0], "share") == Value(0.5, 0.0, 1.0, 2)
    assert value_of([-0.1, 0.1], "share").low == -1.0
    assert value_of([0.3], "share") == Value(0.3, None, None, 1)


def test_failed_and_missing_cells_are_counted() -> None:
    done = [cell(0.8, auroc=0.7), cell(0.6), {"failed": "why"}]
    found = row_of("d", 1, "scrub", done, 5, engine=False)
    assert (found.cells, found.failed, found.missing) == (2, ("why",), 2)
    assert found.values["ra"].mean == pytest.approx(0.7)
    assert found.values["auroc"].n == 1


def test_the_table_of_a_benchmark(done: Context) -> None:
    found = results_of(done)
    assert [row.who for row in found.rows] == ["exact", "retrain", "drop_row", "random_label", "ridge_head"]
    assert found.missing == 0
    exact, retrain = found.rows[:2]
    assert exact.values["gap"].mean == exact.values["fa"].mean == 0
    assert exact.values["ra"].n == 4  # two sets, two seeds
    assert retrain.values["tow"].mean == 1
    assert len(found.settings) == 20
    assert as_dict(found)["format"] == 1


def test_nothing_done(done: Context, tmp_path: Any) -> None:
    with pytest.raises(UsageError, match="no cell of this matrix is done"):
        results_of(begin(done.matrix, tmp_path, device="cpu"))
