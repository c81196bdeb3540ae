"""Curves are read as they are or not at all, and averaged over the seeds that there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.audit.report.curves import (
    Curve,
    curve_of,
    is_number,
    mean_curve,
    numbers,
    runs_of,
    series_of,
    texts,
)

CURVES = st.lists(
    st.dictionaries(st.integers(0, 20), st.floats(-10, 10), min_size=1).map(
        lambda own: ([float(x) for x in sorted(own)], [own[x] for x in sorted(own)])
    ),
    min_size=1,
    max_size=4,
)


def test_a_mean_by_hand() -> None:
    grid, means = mean_curve([([0, 1, 4], [0.0, 0.5, 1.0]), ([1, 2], [1.0, None])])
    assert grid == [0, 1, 2, 4]
    assert means == [0.0, 0.75, 0.5, 1.0]


@settings(deadline=None)
@given(CURVES)
def test_means_as_another_reckons_them(runs: list[Curve]) -> None:
    grid, means = mean_curve(runs)
    for x, mean in zip(grid, means, strict=True):
        last = [[y for at, y in zip(*run, strict=True) if at <= x][-1:] for run in runs]
        assert mean == pytest.approx(np.mean([y[0] for y in last if y]), abs=1e-9)


@settings(deadline=None)
@given(CURVES, st.randoms())
def test_means_depend_on_no_order(runs: list[Curve], random: Any) -> None:
    turned = [
        tuple(map(list, zip(*random.sample([*zip(*run, strict=True)], len(run[0])), strict=True)))
        for run in runs
    ]
    random.shuffle(turned)
    one, other = mean_curve(runs), mean_curve(turned)
    assert one[0] == other[0]
    assert one[1] == pytest.approx(other[1])


def test_one_run_is_its_own_mean() -> None:
    run: Curve = ([1, 2, 3], [0.1, None, 0.3])
    assert mean_curve([run]) == run
    assert len(series_of({"retrain": [run]})) == 1
    assert [one.faint for one in series_of({"retrain": [run, run]})] == [True, True, False]


@pytest.mark.parametrize(
    "figure",
    [
        None,
        [],
        {},
        {"x": [1, 2]},
        {"x": [1, 2], "y": [1]},
        {"x": [1, None], "y": [1, 2]},
        {"x": [1, "2"], "y": [1, 2]},
        {"x": [1, 2], "y": [1, True]},
        {"x": [1, 2], "y": [1, float("nan")]},
        {"x": [1, 2], "y": [1, 1e300]},
        {"x": "12", "y": "12"},
        {"x": [], "y": []},
    ],
)
def test_what_is_no_curve_is_none(figure: object) -> None:
    assert curve_of(figure, "x", "y") is None
    assert runs_of({"retrain": [{"inside": figure}]}, "x", "y", inside="inside") == {}


def test_what_is_one_is_read() -> None:
    figure = {"x": [1, 2.5], "y": [0, None]}
    assert curve_of(figure, "x", "y") == ([1, 2.5], [0, None])
    assert runs_of({"original": [figure], "retrain": [figure, {}]}, "x", "y") == {
        "retrain": [([1, 2.5], [0, None])]
    }


def test_lists_are_whole_or_empty() -> None:
    assert numbers([1, 2.5]) == [1, 2.5]
    assert numbers([1, 2.5], 3) == numbers([1, None]) == numbers("12") == numbers(None) == []
    assert texts(["a", "b"]) == ["a", "b"]
    assert texts(["a", 1]) == texts("ab") == texts(None) == []
    assert not any(map(is_number, [True, None, "1", float("nan"), float("inf"), -1e200]))
