"""Logistic functions of one number, fitted to few inputs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

NEWTON_STEPS = 60
LONGEST_STEP = 2.0
LEAST_STEEPNESS = 0.0

Values = npt.NDArray[np.float64]


def sigmoid(x: npt.ArrayLike) -> Values:
    """Return `1 / (1 + exp(-x))`.

    >>> sigmoid([0.0, 1000.0]).tolist()
    [0.5, 1.0]
    """
    values: Values = 0.5 * (1 + np.tanh(np.asarray(x, dtype=np.float64) / 2))
    return values


def log_likelihood(odds: Values, target: Values) -> float:
    """Return the log-likelihood of targets `[n]`, 0 to 1, by log-odds."""
    return float(-(np.logaddexp(0, -odds) * target + np.logaddexp(0, odds) * (1 - target)).sum())


def fitted(
    x: Values, target: Values, start: tuple[float, float] = (0.0, 0.0), pull: float = 1e-3
) -> tuple[float, float]:
    """Return `(a, b)` for which `sigmoid(a x + b)` makes `target [n]`, 0 to 1, likeliest; `a` is not below 0.

    `pull / 2` times the squared distance to `start` is added to minus the log-likelihood, so that few inputs move
    little. Newton's steps on `x` as it is: standardise numbers of another scale first.
    """
    table = np.stack([x, np.ones_like(x)], axis=1)
    begun = np.array(start, dtype=np.float64)
    beta = begun.copy()
    for _ in range(NEWTON_STEPS):
        p = sigmoid(table @ beta)
        slope = table.T @ (p - target) + pull * (beta - begun)
        curve = (table * (p * (1 - p))[:, None]).T @ table + pull * np.eye(2)
        beta -= np.clip(np.linalg.solve(curve, slope), -LONGEST_STEP, LONGEST_STEP)
    return max(float(beta[0]), LEAST_STEEPNESS), float(beta[1])


def known_odds(known: Values, unknown: Values) -> tuple[float, float] | None:
    """Return `(a, b)`: `sigmoid(a confidence + b)` is how likely an input is of a known class, if anything tells.

    Fitted to confidences of inputs of known and of unknown classes as by Platt, with targets a little off 0 and 1
    (Advances in Large Margin Classifiers, 1999, section 2.2).
    """
    n, m = len(known), len(unknown)
    if not n or not m:
        return None
    x = np.concatenate([known, unknown])
    target = np.concatenate([np.full(n, (n + 1) / (n + 2)), np.full(m, 1 / (m + 2))])
    middle, spread = float(x.mean()), float(x.std()) or 1.0
    slope, offset = fitted((x - middle) / spread, target)
    return slope / spread, offset - slope / spread * middle
