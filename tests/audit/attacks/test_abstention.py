"""Confidence on forgotten inputs: by hand, beside scikit-learn and plain loops, with infinite confidences."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from preforget.audit.attacks.abstention import (
    ABOUT,
    CURVE_POINTS,
    HISTOGRAM_BINS,
    histograms,
    measure,
    thinned,
)
from preforget.audit.attacks.observe import Array, Parts, Seen
from preforget.audit.attacks.scene import observe_parts
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import DataError
from preforget.data import Split
from preforget.data.dataset import label_array
from preforget.metrics.selective import coverage_risk


def seen(truth: list[str], best: list[str], confidence: Array, probability: float = 0.9) -> Seen:
    """A model of `a` and `b` that gives its best guess a probability, and a confidence of its own."""
    p = np.array([[probability, 0.0] if name == "a" else [0.0, probability] for name in best]).reshape(-1, 2)
    return Seen(
        ("a", "b"), label_array(truth), p, p, np.asarray(confidence, dtype=np.float64), label_array(best)
    )


def stream(retained: Array, forgotten: Array, right: float = 1.0) -> Parts[Seen]:
    """Retained inputs of `a`, a share of them guessed rightly, and forgotten ones `x`."""
    count = round(right * len(retained))
    kept = seen(["a"] * len(retained), ["a"] * count + ["b"] * (len(retained) - count), retained)
    gone = seen(["x"] * len(forgotten), ["a"] * len(forgotten), forgotten)
    return Parts(gone, gone, kept, kept)


def test_by_hand() -> None:
    # sorted by confidence: 4 right, 3 wrong, 2 forgotten, 1 right
    kept = seen(["a", "a", "b"], ["a", "b", "b"], np.array([4, 3, 1]), probability=0.75)
    gone = seen(["x"], ["a"], np.array([2]))
    found = measure(Parts(gone, gone, kept, kept))
    assert found.values == pytest.approx(
        {
            "auroc": 2 / 3,
            "fpr at 95 % tpr": 1,
            "aurc": (0 + 1 / 2 + 2 / 3 + 2 / 4) / 4,
            "ece": 0.75 - 2 / 3,
        }
    )
    assert found.figures["coverage risk"] == {
        "coverage": [0.25, 0.5, 0.75, 1],
        "risk": [0, 0.5, 0.666667, 0.5],
    }
    assert found.figures["confidence"]["forgotten"].index(1) == HISTOGRAM_BINS // 3
    assert set(found.values) == set(ABOUT.titles)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_it_is_what_scikit_learn_says_and_only_ranks_count(seed: int) -> None:
    rng = np.random.default_rng(seed)
    retained, forgotten = rng.integers(0, 9, 40).astype(float), rng.integers(0, 6, 25).astype(float)
    found = measure(stream(retained, forgotten, right=0.8)).values
    truth, both = np.repeat([1, 0], [40, 25]), np.concatenate([retained, forgotten])
    fpr, tpr, _ = roc_curve(truth, both, drop_intermediate=False)
    assert found["auroc"] == pytest.approx(roc_auc_score(truth, both))
    assert found["fpr at 95 % tpr"] == pytest.approx(fpr[tpr >= 0.95].min())
    with np.errstate(divide="ignore"):
        assert measure(stream(np.log(retained), np.log(forgotten), right=0.8)).values == found
    assert all(0 <= value <= 1 for value in found.values())


def test_it_finds_a_model_that_abstains_and_one_that_does_not() -> None:
    rng = np.random.default_rng(0)
    retained = rng.normal(size=300)
    knows = measure(stream(retained, rng.normal(-4, 1, 100))).values
    blind = measure(stream(retained, rng.normal(0, 1, 100))).values
    assert knows["auroc"] > 0.99
    assert knows["fpr at 95 % tpr"] < 0.05
    assert blind["auroc"] == pytest.approx(0.5, abs=0.08)
    assert blind["fpr at 95 % tpr"] > 0.8
    assert knows["aurc"] < 0.06 < 0.2 < blind["aurc"]


def test_a_real_model(model: PreForgettableClassifier, split: Split) -> None:
    gone, kept = split.only("red"), split.without("red")
    found = measure(observe_parts(model, Parts(gone, gone, kept, kept)))
    assert set(found.values) == set(ABOUT.titles)
    json.dumps([found.values, found.figures], allow_nan=False)


def test_histograms_have_common_bins_and_hold_everything() -> None:
    retained, forgotten = np.arange(2000.0), np.array([-np.inf, -np.inf, 500.0, np.inf])
    found = histograms({"retained": retained, "forgotten": forgotten})
    assert len(found["edges"]) == HISTOGRAM_BINS + 1
    assert found["edges"] == sorted(found["edges"])
    assert (found["edges"][0], found["edges"][-1]) == (10, 1989)
    for part in ("retained", "forgotten"):
        assert len(found[part]) == HISTOGRAM_BINS
        assert sum(found[part]) == pytest.approx(1)
    assert (found["forgotten"][0], found["forgotten"][-1]) == (0.5, 0.25)


@pytest.mark.parametrize("values", [[2.0, 2.0], [-np.inf, -np.inf], [np.inf, -np.inf]])
def test_histograms_of_one_value_or_none(values: list[float]) -> None:
    found = histograms({"retained": np.array(values), "forgotten": np.array(values)})
    assert np.isfinite(found["edges"]).all()
    assert sum(found["retained"]) == 1


def test_histograms_of_values_that_are_nearly_the_same() -> None:
    edges = histograms({"retained": 1e-9 * np.arange(5.0)})["edges"]
    assert (np.diff(edges) > 0).all()


def test_a_long_curve_is_thinned() -> None:
    rng = np.random.default_rng(0)
    coverage, risk = coverage_risk(rng.normal(size=5000), rng.uniform(size=5000) < 0.3)
    curve = thinned(coverage, risk)
    assert len(curve["coverage"]) == len(curve["risk"]) == CURVE_POINTS
    assert (curve["coverage"][0], curve["coverage"][-1]) == (0.0002, 1)
    assert curve["risk"][-1] == pytest.approx(risk[-1], abs=1e-6)


def test_parts_that_can_not_be_used() -> None:
    some, none = np.array([1.0]), np.array([])
    for lacking in (stream(some, none), stream(none, some)):
        with pytest.raises(DataError, match="at least one of each"):
            measure(lacking)
    with pytest.raises(DataError, match="1 inputs is not a number"):
        measure(stream(some, np.array([np.nan])))
