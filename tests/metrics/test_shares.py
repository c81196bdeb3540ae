"""The interval of a share beside the binomial distribution that defines it."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from preforget.metrics.shares import share_interval


@pytest.mark.parametrize(("hits", "total"), [(0, 5), (3, 5), (5, 5), (57, 60)])
def test_a_bound_makes_the_count_as_rare_as_a_tail(hits: int, total: int) -> None:
    low, high = share_interval(hits, total)
    assert low == 0 if not hits else binom.sf(hits - 1, total, low) == pytest.approx(0.025)
    assert high == 1 if hits == total else binom.cdf(hits, total, high) == pytest.approx(0.025)
    assert low <= hits / total <= high


def test_no_input_says_nothing() -> None:
    assert share_interval(0, 0) == (0.0, 1.0)
