"""The calibration error by hand, beside a plain loop, and on data that are as right as they are sure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.metrics.calibration import calibration_error


def test_bins_of_calibration_by_hand() -> None:
    # (0, 0.5] holds 0.0, 0.5 and (0.5, 1] holds 0.6, 1.0
    p, right = np.array([0.0, 0.5, 0.6, 1.0]), np.array([False, True, True, False])
    assert calibration_error(p, right, bins=2) == pytest.approx(0.5 * abs(0.5 - 0.25) + 0.5 * abs(0.5 - 0.8))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=60), st.integers(1, 15))
def test_calibration_is_that_of_a_plain_loop(rows: list[tuple[int, bool]], bins: int) -> None:
    p, right = np.array([value / 30 for value, _ in rows]), np.array([mark for _, mark in rows])
    total = 0.0
    for b in range(bins):
        inside = [i for i in range(len(p)) if (b / bins < p[i] or b == 0) and p[i] <= (b + 1) / bins]
        if inside:
            accuracy, sureness = np.mean(right[inside]), np.mean(p[inside])
            total += len(inside) / len(p) * abs(accuracy - sureness)
    assert calibration_error(p, right, bins) == pytest.approx(total, abs=1e-12)


def test_calibration_tells_the_sure_from_the_right() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.5, 1, 20_000)
    assert calibration_error(p, rng.uniform(size=20_000) < p) < 0.02
    assert calibration_error(p, rng.uniform(size=20_000) < p - 0.2) == pytest.approx(0.2, abs=0.02)
