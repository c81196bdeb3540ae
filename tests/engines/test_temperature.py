"""The temperature by likelihood beside a search over a grid."""

from __future__ import annotations

import numpy as np
import pytest

from preforget.engines.temperature import Sharpness, likeliest_sharpness, likelihood_temperature
from preforget.metrics.debiased_calibration import debiased_error, equal_mass_bins


@pytest.mark.parametrize("true", [0.5, 3.0, 12.0])
def test_a_temperature_that_was_drawn_from_is_found(true: float) -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 4 * true, (6000, 5))
    odds = np.exp(scores / true)
    shares = odds / odds.sum(axis=1, keepdims=True)
    truth = (rng.uniform(size=(6000, 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(max=4)
    assert likelihood_temperature(scores, truth) == pytest.approx(true, rel=0.06)


def test_it_is_the_best_of_a_grid() -> None:
    rng = np.random.default_rng(1)
    scores, truth = rng.normal(0, 5, (80, 3)), rng.integers(0, 3, 80)

    def cost(temperature: float) -> float:
        s = scores / temperature
        return float((np.logaddexp.reduce(s, axis=1) - s[np.arange(80), truth]).mean())

    grid = np.geomspace(0.02, 500, 400)
    assert cost(likelihood_temperature(scores, truth)) <= min(map(cost, grid)) + 1e-9


def test_columns_that_aren_t_known_and_nothing_to_tell() -> None:
    scores = np.array([[4.0, 1.0, -np.inf], [3.0, -np.inf, 0.0], [0.0, 2.0, -np.inf]])
    assert 0.02 <= likelihood_temperature(scores, np.array([0, 1, 0])) <= 500
    assert likelihood_temperature(np.zeros((5, 1)), np.zeros(5, dtype=int)) == 1
    assert likelihood_temperature(np.zeros((0, 3)), np.zeros(0, dtype=int)) == 1


def test_plain_softmax_where_that_is_the_truth_and_bent_where_gaps_say_less() -> None:
    rng = np.random.default_rng(2)
    scores = rng.normal(0, 3, (4000, 4))
    for power in (1.0, 0.5):
        gaps = scores.max(axis=1, keepdims=True) - scores
        odds = np.exp(-(gaps**power))
        shares = odds / odds.sum(axis=1, keepdims=True)
        truth = (rng.uniform(size=(4000, 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(max=3)
        found = likeliest_sharpness(scores, truth)
        assert found.power == pytest.approx(power, abs=0.21)
        assert found.probabilities(scores) == pytest.approx(shares, abs=0.06)
        assert (found.probabilities(scores).argmax(axis=1) == scores.argmax(axis=1)).all()


def test_rows_sum_to_one_whatever_the_scores() -> None:
    scores = np.array([[0.0, -1e6, -np.inf], [5.0, 5.0, 5.0]])
    assert Sharpness(0.5, 3.0).probabilities(scores).sum(axis=1) == pytest.approx([1, 1])
    assert Sharpness(1.0, 1.0).probabilities(np.zeros((2, 0))).shape == (2, 0)
    assert likeliest_sharpness(np.zeros((5, 1)), np.zeros(5, dtype=int)) == Sharpness(1, 1)


def test_the_odds_of_the_best_class_are_moved_where_power_and_temperature_are_not_enough() -> None:
    rng = np.random.default_rng(3)
    scores = rng.normal(0, 3, (4000, 5))
    shares = Sharpness(1.0, 1.0, 0.4, -1.0).probabilities(scores)
    truth = (rng.uniform(size=(4000, 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(max=4)
    moved = likeliest_sharpness(scores, truth)
    plain = Sharpness(moved.power, moved.temperature)
    right = scores.argmax(axis=1) == truth
    errors = [
        debiased_error(equal_mass_bins(one.probabilities(scores).max(axis=1), right))[0]
        for one in (moved, plain)
    ]
    assert errors[0] < 0.03
    assert errors[0] < errors[1]
    assert moved.offset < 0
    shown = moved.probabilities(scores)
    assert shown.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert (shown.argmax(axis=1) == scores.argmax(axis=1)).all()


def test_the_best_class_stays_the_best() -> None:
    scores = np.array([[0.0, -0.1, -9.0], [0.0, -np.inf, -np.inf], [1.0, 1.0, 1.0]])
    shares = Sharpness(1.0, 1.0, 0.2, -3.0).probabilities(scores)
    assert shares.sum(axis=1) == pytest.approx([1, 1, 1])
    assert shares.argmax(axis=1).tolist() == [0, 0, 0]
    assert shares[1].tolist() == [1, 0, 0]
