"""Gaps and verdicts: by hand, beside scipy, and right as often as they say."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from preforget.core.errors import UsageError
from preforget.metrics.evidence import (
    Evidence,
    bootstrap_interval,
    judge,
    mean_interval,
    student_interval,
    tost,
)

columns = st.integers(2, 8).flatmap(
    lambda n: st.tuples(*[st.lists(st.floats(-1, 1), min_size=n, max_size=n)] * 2)
)


def verdict(gaps: Any, margin: float = 0.05, seed: int = 0) -> Evidence:
    return judge(gaps, np.zeros(len(gaps)), margin, generator=np.random.default_rng(seed))


def test_by_hand() -> None:
    # gaps 1, 2, 3: mean 2, sd 1, e = 1 / sqrt(3); t_{2, 0.975} = 4.302653
    found = judge([2, 4, 6], [1, 2, 3], 1.0, generator=np.random.default_rng(0))
    assert found.gap == 2
    assert found.gaps == (1.0, 2.0, 3.0)
    assert found.t_interval == pytest.approx((2 - 2.484138, 2 + 2.484138), abs=1e-6)
    assert found.interval == (1.0, 3.0)  # each end has 1 of 27 means, 3.7 %: more than 2.5 %
    # t = (2 - 1) sqrt(3) with 2 degrees of freedom: P(T <= t) = 1/2 + t / (2 sqrt(2 + t^2))
    assert found.p_equivalent == pytest.approx(0.5 + 3**0.5 / (2 * 5**0.5))
    assert found.verdict == "undecided"  # far off, but the interval holds 0


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ([0.0, 0.001, -0.001], "equivalent"),
        ([0.02, 0.021, 0.019], "equivalent"),  # not 0, and within the margin: that is what a margin is for
        ([0.2, 0.201, 0.199], "different"),
        ([-0.2, -0.201, -0.199], "different"),
        ([0.2, -0.2, 0.0], "undecided"),  # a mean of 0 is no evidence
        ([0.3, 0.0, 0.1], "undecided"),
        ([0.05, 0.051, 0.049], "undecided"),
        ([0.0], "undecided"),
        ([0.9], "undecided"),
    ],
)
def test_verdicts(gaps: list[float], expected: str) -> None:
    assert verdict(gaps).verdict == expected


@pytest.mark.parametrize(
    ("gap", "p", "expected"),
    [(0.0, 0, "equivalent"), (-0.04, 0, "equivalent"), (0.05, 0.5, "undecided"), (-0.06, 1, "different")],
)
@pytest.mark.parametrize("seeds", [2, 3, 6])
def test_gaps_without_spread_are_exact(gap: float, p: float, expected: str, seeds: int) -> None:
    found = verdict([gap] * seeds)
    assert (found.p_equivalent, found.verdict) == (p, expected)
    assert found.interval == found.t_interval == (gap, gap) == (found.gap, found.gap)


def test_rounding_is_no_spread() -> None:
    one, other = [0.95, 0.35, 0.15], [0.9, 0.3, 0.1]  # all 0.05, but not in floating point
    assert len({a - b for a, b in zip(one, other, strict=True)}) == 2
    found = judge(one, other, 0.05, generator=np.random.default_rng(0))
    assert (found.p_equivalent, found.verdict) == (0.5, "undecided")
    assert found.t_interval == found.interval == (found.gap, found.gap)


def test_one_seed_has_no_interval() -> None:
    found = verdict([0.3])
    assert found.as_dict() == {
        "gap": 0.3,
        "gaps": [0.3],
        "margin": 0.05,
        "interval": None,
        "t_interval": None,
        "p_equivalent": None,
        "verdict": "undecided",
    }
    assert mean_interval([0.3], np.random.default_rng(0)) == (0.3, None)
    assert verdict([0.1, 0.3]).as_dict()["interval"] == [0.1, 0.3]


@settings(max_examples=50, deadline=None)
@given(columns, st.floats(0.01, 0.5), st.floats(0.01, 0.2))
def test_it_is_what_two_t_tests_say(
    pair: tuple[list[float], list[float]], margin: float, level: float
) -> None:
    one, other = (np.round(column, 6) for column in pair)
    gaps = one - other
    assume(gaps.std() > 1e-7)
    found = judge(one, other, margin, generator=np.random.default_rng(0), level=level)
    above = stats.ttest_1samp(gaps, -margin, alternative="greater")
    below = stats.ttest_1samp(gaps, margin, alternative="less")
    assert found.p_equivalent == pytest.approx(max(above.pvalue, below.pvalue), abs=1e-9)
    interval = stats.ttest_1samp(gaps, 0).confidence_interval(0.95)
    assert found.t_interval == pytest.approx(tuple(interval), abs=1e-9)
    if found.verdict == "equivalent":
        assert above.pvalue < level
        assert below.pvalue < level
        assert abs(found.gap) < margin
    if found.verdict == "different":
        assert abs(found.gap) > margin
        assert interval.low > 0 or interval.high < 0


@settings(max_examples=30, deadline=None)
@given(columns, st.randoms(use_true_random=False))
def test_order_of_seeds_and_sign_do_not_matter(pair: tuple[list[float], list[float]], shuffle: Any) -> None:
    one, other = pair
    rows = list(zip(one, other, strict=True))
    shuffle.shuffle(rows)
    found, again = (
        judge(*zip(*pairs, strict=True), 0.3, generator=np.random.default_rng(1))
        for pairs in (list(zip(one, other, strict=True)), rows)
    )
    swapped = judge(other, one, 0.3, generator=np.random.default_rng(1))
    assert found.interval == again.interval
    assert found.t_interval == pytest.approx(again.t_interval, abs=1e-12)
    assert swapped.gap == pytest.approx(-found.gap, abs=1e-12)
    assert swapped.p_equivalent == pytest.approx(found.p_equivalent, abs=1e-9)
    assert min(found.gaps) - 1e-12 <= found.interval[0] <= found.interval[1] <= max(found.gaps) + 1e-12  # type: ignore[index]


def test_a_wider_margin_never_makes_it_less_equivalent() -> None:
    gaps = np.random.default_rng(3).normal(0.02, 0.03, 4)
    p = [tost(gaps, margin) for margin in (0.01, 0.02, 0.05, 0.1, 0.5)]
    assert p == sorted(p, reverse=True)


def test_the_bootstrap_is_all_draws_that_there_are() -> None:
    values = np.array([0.1, 0.13, 0.2, 0.27])
    means = np.sort([np.mean(draw) for draw in product(values, repeat=4)])
    low, high = bootstrap_interval(values, np.random.default_rng(0))
    exact = means[int(0.025 * 256)], means[int(0.975 * 256)]
    assert (low, high) == pytest.approx(exact, abs=0.005)
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=9999, rng=np.random.default_rng(1)
    ).confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.005)
    assert bootstrap_interval(values, np.random.default_rng(0)) == (low, high)
    assert mean_interval(values.tolist(), np.random.default_rng(0)) == (pytest.approx(0.175), (low, high))


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_models_that_differ_by_the_margin_are_rarely_called_equivalent(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    trials = 4000
    for spread in (0.005, 0.05):
        wrong = [tost(rng.normal(0.05, spread, seeds), 0.05) < 0.05 for _ in range(trials)]
        assert np.mean(wrong) < 0.05 + 4 * (0.05 * 0.95 / trials) ** 0.5
        covered = 0
        for gaps in rng.normal(0.02, spread, (trials, seeds)):
            low, high = student_interval(gaps)
            covered += low <= 0.02 <= high
        assert covered / trials == pytest.approx(0.95, abs=0.015)


def test_it_can_tell_and_seldom_errs() -> None:
    rng = np.random.default_rng(0)
    same = [verdict(rng.normal(0, 0.01, 5)).verdict for _ in range(200)]
    other = [verdict(rng.normal(0.2, 0.02, 5)).verdict for _ in range(200)]
    noisy = [verdict(rng.normal(0, 0.2, 5)).verdict for _ in range(200)]
    assert same.count("equivalent") > 190
    assert other.count("different") > 190
    assert noisy.count("equivalent") < 20
    assert noisy.count("different") < 20


@pytest.mark.parametrize(
    ("one", "other", "margin", "level", "says"),
    [
        ([1, 2], [1], 0.05, 0.05, "2 values .* 1 of retrained"),
        ([], [], 0.05, 0.05, "at least one"),
        ([1, float("nan")], [1, 2], 0.05, 0.05, "finite"),
        ([1, 2], [1, float("inf")], 0.05, 0.05, "finite"),
        ([1, 2], [1, 2], 0, 0.05, "margin is 0"),
        ([1, 2], [1, 2], float("nan"), 0.05, "margin is nan"),
        ([1, 2], [1, 2], 0.05, 0.5, "level is 0.5"),
    ],
)
def test_what_can_not_be_judged(one: Any, other: Any, margin: float, level: float, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        judge(one, other, margin, generator=np.random.default_rng(0), level=level)


def test_an_empty_column_has_no_mean() -> None:
    with pytest.raises(UsageError, match="at least one"):
        mean_interval([], np.random.default_rng(0))
