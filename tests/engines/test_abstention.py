"""The deciding statistic, its temperature by leaving out each class, and both kinds of probability."""

from __future__ import annotations

import numpy as np
import pytest

from preforget.engines.abstention import (
    TEMPERATURES,
    Abstention,
    choose_temperature,
    odds_of,
    statistic,
    without_own,
)
from preforget.engines.pair_scores import PairScores
from preforget.engines.temperature import Sharpness
from preforget.metrics.roc import auc

LABELS = ["ant", "bee", "cat", "dog"]


def some_scores(each: int = 30, right: float = 3.0, seed: int = 0) -> PairScores:
    """Scores of four classes that are right about three times in four."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(4), each)
    scores = rng.normal(0, 3, (len(truth), 4))
    scores[np.arange(len(truth)), truth] += right
    return PairScores.of(LABELS, truth, scores)


def plain_choice(scores: PairScores) -> float:
    """Choose as the notes do it: drop a column, score every row anew."""

    def told(temperature: float) -> float:
        areas = []
        for out in range(len(scores.labels)):
            values = statistic(np.delete(scores.values, out, axis=1), temperature)
            areas.append(auc(values[scores.truth != out], values[scores.truth == out]))
        return float(np.mean(areas))

    return max(TEMPERATURES, key=told)


def test_the_statistic_by_hand() -> None:
    scores = np.array([[0.0, np.log(3)], [-np.inf, -np.inf], [900.0, -900.0]])
    assert statistic(scores, 1.0) == pytest.approx([np.log(4), -np.inf, 900])
    assert statistic(np.array([[2.0, 4.0]]), 1000.0)[0] == pytest.approx(3 + 1000 * np.log(2), abs=1e-2)
    assert statistic(np.zeros((2, 0)), 1.0).tolist() == [-np.inf, -np.inf]


@pytest.mark.parametrize("seed", range(4))
def test_the_temperature_is_that_of_scoring_each_left_out_class_anew(seed: int) -> None:
    scores = some_scores(right=[0.5, 2.0, 5.0, 40.0][seed], seed=seed)
    assert choose_temperature(scores) == plain_choice(scores)


def test_without_own_leaves_out_the_column_of_the_input_s_class() -> None:
    scores = PairScores.of(["a", "b"], np.array([0, 1]), np.array([[5.0, 1.0], [2.0, 7.0]]))
    assert without_own(scores, 1.0).tolist() == [1, 2]


def test_one_class_has_nothing_to_choose_by() -> None:
    alone = PairScores.of(["a"], np.zeros(3, dtype=np.int64), np.ones((3, 1)))
    formed = Abstention.of(alone)
    assert (formed.temperature, formed.odds, formed.sharpness) == (1, None, Sharpness(1, 1))
    assert formed.known(np.ones(1, dtype=np.float32)) is None
    assert formed.class_probabilities(np.ones((2, 1), dtype=np.float32)).tolist() == [[1], [1]]


def test_the_odds_are_even_where_known_and_left_out_are_equally_many() -> None:
    scores = some_scores(400)
    odds = odds_of(scores, 4.0)
    assert odds is not None
    slope, offset = odds
    assert slope > 0
    both = np.concatenate([statistic(scores.values, 4.0), without_own(scores, 4.0)])
    p = 1 / (1 + np.exp(-(slope * both + offset)))
    assert p.mean() == pytest.approx(0.5, abs=1e-3)
    right = np.repeat([1, 0], len(scores.truth))
    for low, high in ((0.2, 0.5), (0.5, 0.8)):
        inside = (p >= low) & (p < high)
        assert right[inside].mean() == pytest.approx(p[inside].mean(), abs=0.06)


def test_what_follows_from_the_validation_scores() -> None:
    scores = some_scores(200)
    formed = Abstention.of(scores)
    values = scores.values
    confidence = formed.confidence(values)
    sure = confidence >= formed.limits(0.9)[values.argmax(axis=1)]
    assert sure.mean() == pytest.approx(0.9, abs=0.03)
    assert [one.answered for one in formed.coverage(0.9)] == [
        int(sure[scores.truth == c].sum()) for c in range(4)
    ]
    assert formed.share_reached(0.9) == pytest.approx(np.sort(confidence)[79], abs=1e-5)
    shares = formed.class_probabilities(values)
    assert shares.sum(axis=1) == pytest.approx(1, abs=1e-5)
    right = values.argmax(axis=1) == scores.truth
    assert shares.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.03)


def test_of_many_classes_as_many_columns_count_as_were_kept() -> None:
    rng = np.random.default_rng(0)
    labels = [f"{number:02}" for number in range(70)]
    scores = rng.normal(size=(140, 70)).astype(np.float16).astype(np.float32)
    kept = PairScores.of(labels, np.arange(140) % 70, scores)
    formed = Abstention.of(kept)
    rows = np.argsort(np.arange(140) % 70, kind="stable")
    assert formed.confidence(scores[rows]) == pytest.approx(
        statistic(kept.values, formed.temperature), rel=1e-5
    )
