"""A logistic function fitted to few inputs, beside one that was drawn from."""

from __future__ import annotations

import numpy as np
import pytest

from preforget.engines.logistic import fitted, known_odds, sigmoid


def test_what_was_drawn_from_is_found() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 2, 20_000)
    drawn = (rng.uniform(size=len(x)) < sigmoid(1.5 * x - 0.5)).astype(float)
    assert fitted(x, drawn) == pytest.approx((1.5, -0.5), abs=0.1)


def test_few_inputs_move_little() -> None:
    x, target = np.array([3.0]), np.array([0.0])
    near, far = fitted(x, target, (1.0, 0.0), 2.0), fitted(x, target, (1.0, 0.0), 0.01)
    assert 0 < near[0] < 1
    assert far[1] < near[1]
    assert fitted(np.zeros(0), np.zeros(0), (1.0, 0.0), 1.0) == (1, 0)


def test_known_and_unknown() -> None:
    rng = np.random.default_rng(1)
    odds = known_odds(rng.normal(500, 10, 300), rng.normal(480, 10, 300))
    assert odds is not None
    assert sigmoid(odds[0] * 490 + odds[1]) == pytest.approx(0.5, abs=0.05)
    assert odds[0] == pytest.approx(0.2, abs=0.04)
    assert known_odds(np.zeros(3), np.zeros(0)) is None
