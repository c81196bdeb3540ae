from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cityblock
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score

from preforget.audit.attacks import neighbours
from preforget.audit.attacks.neighbours import compare, detection_auc, log_features, total_variation
from preforget.audit.attacks.observe import Array, Parts, Seen
from preforget.core.errors import DataError
from preforget.data.dataset import label_array

NEIGHBOURLY = [6, 2, 0.5, 0.5, 3]


def parts(p: Array, labels: Sequence[str] = "abcd", truth: str = "gone") -> Parts[Seen]:
    """Answers of a model to forgotten inputs; what rows lack to 1 is abstain's."""
    gone = label_array([truth] * len(p))
    one = Seen(tuple(labels), gone, p, p, p.max(axis=1), gone)
    return Parts(one, one, one, one)


def drawn(seed: int, count: int = 200) -> Array:
    """Answers over four classes, the last share abstain's."""
    return np.random.default_rng(seed).dirichlet(NEIGHBOURLY, count)[:, :4]


def test_by_hand() -> None:
    p, q = np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[0.5, 0.25], [0.0, 1.0]])
    values = compare(parts(p, "ab"), parts(q, "ab"), seed=0).values
    assert values == {
        "mean total variation": 0.5,  # (.75, .25, 0) against (.25, .625, .125)
        "input total variation": 0.625,  # .25 and 1
        "uniformity": 0.25,  # 0 and .5
    }


def test_columns_follow_names() -> None:
    p = drawn(0)
    turned = compare(parts(p[:, [2, 0, 3, 1]], "cadb"), parts(p), seed=0).values
    same = compare(parts(p), parts(p), seed=0).values
    assert turned == pytest.approx(same)
    assert same["mean total variation"] == same["input total variation"] == 0
    assert same["neighbour detection auc"] == 0.5


def test_a_column_that_stayed_counts_in_full() -> None:
    kept = np.concatenate([np.zeros((20, 2)), np.ones((20, 1))], axis=1)
    found = compare(parts(kept, ("a", "b", "gone")), parts(np.full((20, 2), 0.5), "ab"), seed=0).values
    assert found["input total variation"] == found["mean total variation"] == found["uniformity"] == 1
    assert found["neighbour detection auc"] == 1


@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=3, max_size=3))
def test_total_variation_is_a_metric(rows: list[list[float]]) -> None:
    raw = np.array(rows) + 1e-3
    p, q, r = raw / raw.sum(axis=1, keepdims=True)
    assert total_variation(p, q) == total_variation(q, p) == pytest.approx(cityblock(p, q) / 2)
    assert 0 <= total_variation(p, q) <= 1 + 1e-12
    assert total_variation(p, r) <= total_variation(p, q) + total_variation(q, r) + 1e-12
    assert total_variation(p, p) == 0
    events = [sum((p - q)[[i for i in range(4) if number >> i & 1]]) for number in range(16)]
    assert total_variation(p, q) == pytest.approx(max(events))


def test_detection_against_sklearn() -> None:
    ours, theirs = log_features(drawn(1, 400)), log_features(drawn(2, 400) ** 1.3)
    found = detection_auc(ours, theirs, np.random.default_rng(0))
    rows = np.concatenate([ours, theirs])
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    groups = np.tile(np.arange(400), 2)
    scores = cross_val_score(
        LogisticRegression(max_iter=2000),
        rows,
        np.repeat([1, 0], 400),
        groups=groups,
        cv=GroupKFold(5),
        scoring="roc_auc",
    )
    assert found == pytest.approx(scores.mean(), abs=0.03)
    assert found > 0.55


def test_even_answers_are_a_fingerprint() -> None:
    retrained, another, even = drawn(3), drawn(4), np.full((200, 4), 0.25)
    fair = compare(parts(retrained), parts(another), seed=0).values
    betrayed = compare(parts(even), parts(another), seed=0).values
    assert fair["neighbour detection auc"] == pytest.approx(0.5, abs=0.08)
    assert fair["mean total variation"] < 0.05
    assert betrayed["neighbour detection auc"] > 0.95
    assert betrayed["uniformity"] == 0 < fair["uniformity"]
    assert betrayed["mean total variation"] > fair["mean total variation"] + 0.1


def test_the_wrong_neighbour_is_found() -> None:
    moved = compare(parts(drawn(5)[:, [1, 0, 2, 3]]), parts(drawn(6)), seed=0)
    assert moved.values["neighbour detection auc"] > 0.8
    assert moved.values["mean total variation"] > 0.2
    assert set(moved.values) == set(neighbours.ABOUT.titles)


def test_noise_of_one_input_does_not_pull_below_one_half() -> None:
    """Both models answer an input alike, and inputs differ: the attacker must not know an input from training."""
    p = drawn(7, 60)
    near = p * np.random.default_rng(8).uniform(0.999, 1, p.shape)
    found = [compare(parts(near), parts(p), seed).values["neighbour detection auc"] for seed in range(5)]
    assert np.mean(found) > 0.4


def test_figure_is_plain_and_short() -> None:
    p = np.random.default_rng(9).dirichlet([0.2] * 301, 30)[:, :300]
    names = [f"class {number:03}" for number in range(300)]
    figure = compare(parts(p, names), parts(p, names), seed=0).figures["mean answers"]
    assert json.loads(json.dumps(figure)) == figure
    assert len(figure["classes"]) == len(figure["model"]) == len(figure["retrained"]) == neighbours.SHOWN


def test_errors() -> None:
    p = drawn(0, 5)
    for other in (parts(p[:4]), parts(p, truth="else")):
        with pytest.raises(DataError, match="same inputs"):
            compare(parts(p), other, seed=0)
    with pytest.raises(DataError, match="at least one"):
        compare(parts(p[:0]), parts(p[:0]), seed=0)
    alone = parts(np.ones((3, 1)), "a", truth="a")
    with pytest.raises(DataError, match="no class is retained"):
        compare(alone, alone, seed=0)
