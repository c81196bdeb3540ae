"""The temperature by likelihood beside a search over a grid."""

from __future__ import annotations

import numpy as np
import pytest

from preforget.engines.temperature import likelihood_temperature


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
