"""ROC curves: by hand, beside scikit-learn, and true to ranks alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from preforget.core.errors import DataError, UsageError
from preforget.metrics.roc import auc, fpr_at, log_curve, roc, tpr_at

POSITIVES, NEGATIVES = [3.0, 2.0, 2.0, 0.0], [2.0, 1.0]
scores = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=30)  # few values: many ties


def test_by_hand() -> None:
    fpr, tpr = roc(POSITIVES, NEGATIVES)
    assert fpr.tolist() == [0, 0, 0.5, 1, 1]
    assert tpr.tolist() == [0, 0.25, 0.75, 0.75, 1]
    # of 8 pairs: 3 beats both, each 2 ties one and beats one, 0 loses both
    assert auc(POSITIVES, NEGATIVES) == (2 + 1.5 + 1.5 + 0) / 8
    assert [tpr_at(POSITIVES, NEGATIVES, rate) for rate in (0, 0.49, 0.5, 1)] == [0.25, 0.25, 0.75, 1]
    assert [fpr_at(POSITIVES, NEGATIVES, rate) for rate in (0, 0.25, 0.26, 0.75, 0.76, 1)] == [
        *(0, 0, 0.5, 0.5, 1, 1)
    ]


@settings(max_examples=100, deadline=None)
@given(scores, scores)
def test_it_is_that_of_scikit_learn(positives: list[float], negatives: list[float]) -> None:
    truth, both = np.repeat([1, 0], [len(positives), len(negatives)]), [*positives, *negatives]
    fpr, tpr = roc(positives, negatives)
    theirs = roc_curve(truth, both, drop_intermediate=False)
    np.testing.assert_allclose(fpr, theirs[0])
    np.testing.assert_allclose(tpr, theirs[1])
    assert auc(positives, negatives) == pytest.approx(roc_auc_score(truth, both))


@settings(max_examples=100, deadline=None)
@given(scores, scores, st.sampled_from([0, 0.01, 0.05, 0.1, 0.3, 0.5, 0.95, 1]))
def test_rates_are_those_of_every_threshold(
    positives: list[float], negatives: list[float], rate: float
) -> None:
    tried = [
        (
            sum(x >= limit for x in negatives) / len(negatives),
            sum(x >= limit for x in positives) / len(positives),
        )
        for limit in (-4, -3, -2, -1, 0, 1, 2, 3, 4)
    ]
    assert tpr_at(positives, negatives, rate) == max(true for false, true in tried if false <= rate)
    assert fpr_at(positives, negatives, rate) == min(false for false, true in tried if true >= rate)


@settings(max_examples=50, deadline=None)
@given(scores, scores, st.randoms(use_true_random=False))
def test_only_ranks_count(positives: list[float], negatives: list[float], shuffle: Any) -> None:
    area = auc(positives, negatives)
    assert area + auc(negatives, positives) == pytest.approx(1)
    mixed = shuffle.sample(positives, len(positives))
    assert auc(mixed, negatives) == area
    far = {-3.0: -np.inf, 3.0: np.inf}
    infinite = [[far.get(x, x) for x in part] for part in (positives, negatives)]
    assert auc(*infinite) == area
    for one, other in zip(roc(*infinite), roc(positives, negatives), strict=True):
        assert np.array_equal(one, other)
        assert (np.diff(one) >= 0).all()


def test_an_effect_is_found_and_none_where_there_is_none() -> None:
    rng = np.random.default_rng(0)
    same, others, shifted = rng.normal(size=(3, 2000))
    assert auc(same, others) == pytest.approx(0.5, abs=0.02)
    assert auc(shifted + 1, others) == pytest.approx(0.760, abs=0.02)  # Phi(1 / sqrt 2)
    assert tpr_at(shifted + 1, others, 0.01) == pytest.approx(0.092, abs=0.03)  # 1 - Phi(2.326 - 1)
    assert auc([2, 3], [0, 1]) == 1
    assert auc([0, 1], [2, 3]) == 0


def test_a_rate_that_is_too_small_to_see_is_not_interpolated() -> None:
    assert tpr_at([1.0, 3.0], np.arange(50.0) / 25, 0.01) == 0.5
    assert tpr_at([1.0, 3.0], np.arange(50.0) / 25, 0.02) == 0.5
    assert tpr_at([0.0, 0.0], np.zeros(50), 0.99) == 0


@pytest.mark.parametrize("count", [5, 1000])
def test_a_thinned_curve_is_of_points_of_the_curve(count: int) -> None:
    rng = np.random.default_rng(count)
    positives, negatives = rng.normal(1, 1, count), rng.normal(0, 1, count)
    fpr, tpr = log_curve(*roc(positives, negatives), points=40)
    assert len(fpr) == len(tpr) <= 40
    assert all(type(x) is float for x in fpr + tpr)
    assert (fpr[0], fpr[-1], tpr[-1]) == (0, 1, 1)
    assert fpr[1] == 1 / count
    assert [tpr_at(positives, negatives, rate) for rate in fpr] == tpr
    steps = np.diff(np.log(fpr[1:]))
    assert (steps > 0).all()
    assert steps.max() <= max(np.log(count) / 38 + 1e-9, np.log(2) + 1e-9)  # even, or neighbours on the curve


def test_no_more_points_than_asked_for() -> None:
    rates = np.concatenate([[0], np.linspace(0.5, 1, 5000)])
    for points in (3, 100):
        assert len(log_curve(rates, rates, points)[0]) == points


def test_curves_of_two_points() -> None:
    assert log_curve(*roc([1.0], [0.0])) == ([0, 1], [1, 1])
    assert log_curve(*roc([1.0], [1.0])) == ([0, 1], [0, 1])


@pytest.mark.parametrize(
    ("positives", "negatives", "says"),
    [([], [1.0], "positives"), ([1.0], [], "negatives"), ([1.0], [np.nan], "1 scores of negatives")],
)
def test_scores_that_can_not_be_used(positives: Any, negatives: Any, says: str) -> None:
    for function in (roc, auc):
        with pytest.raises(DataError, match=says):
            function(positives, negatives)


def test_rates_that_can_not_be_used() -> None:
    for function in (tpr_at, fpr_at):
        for rate in (-0.1, 1.1, float("nan")):
            with pytest.raises(UsageError, match="can't be reached"):
                function([1.0], [0.0], rate)
    curve = roc(POSITIVES, NEGATIVES)
    with pytest.raises(UsageError, match="3 or more"):
        log_curve(*curve, points=2)
    with pytest.raises(UsageError, match="no ROC curve"):
        log_curve(curve[0][::-1], curve[1])
