"""Coverage and risk beside plain loops over all orders of ties."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.metrics.selective import area_under_risk, coverage_risk


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([-np.inf, 0, 1, np.inf]), st.booleans()), min_size=1, max_size=6))
def test_the_area_is_the_mean_over_all_orders_of_ties(rows: list[tuple[float, bool]]) -> None:
    areas = []
    for order in permutations(rows):
        if all(order[i][0] >= order[i + 1][0] for i in range(len(order) - 1)):
            errors = np.cumsum([mark for _, mark in order])
            areas.append(np.mean([errors[k - 1] / k for k in range(1, len(order) + 1)]))
    confidence, wrong = np.array([c for c, _ in rows], dtype=float), np.array([w for _, w in rows])
    assert area_under_risk(confidence, wrong) == pytest.approx(np.mean(areas))
    coverage, risk = coverage_risk(confidence, wrong)
    for share, found in zip(coverage, risk, strict=True):
        limit = sorted(confidence, reverse=True)[round(share * len(rows)) - 1]
        assert found == pytest.approx(wrong[confidence >= limit].mean())
    assert coverage[-1] == 1
