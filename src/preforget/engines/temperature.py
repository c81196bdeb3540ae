"""What makes probabilities as right as they are sure: a temperature (Guo et al., arXiv 1706.04599, section 4.2).

One number stretches all gaps between scores alike. Closed-form scores want more: their large gaps say less than their
size. So the gap to the best score is first taken to a power of at most 1, the likeliest of a few; 1 is plain softmax.
Where answers are often wrong that isn't enough, so the odds of the best class are last moved by a logistic function
of their own, fitted to whether it was right (Platt 1999), and the other classes share what is left as before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.engines.logistic import fitted, log_likelihood, sigmoid
from preforget.metrics.softmax import softmax

COLDEST, HOTTEST = 0.02, 500.0
HALVINGS = 60
FEWEST = 2
TINY = 1e-12
"""With fewer classes or inputs there is nothing to choose a temperature by."""


PULL = 0.5
"""How strongly the odds of the best class are pulled towards staying as they are: as some two inputs would."""

LEAST_GAIN = 2.0
"""By how much the log-likelihood of being right must grow for the odds to be moved: as Akaike asks of two numbers."""

MARGIN = 1e-6
"""By how much the best class stays ahead."""

POWERS = (1.0, 0.8, 0.7, 0.6, 0.5, 0.4)

Scores = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Sharpness:
    """How probabilities follow from scores: `softmax(-(best - score) ** power / temperature)`, then moved.

    The log-odds `z` of the best class become `steepness z + offset`; it stays the best.
    """

    power: float
    temperature: float
    steepness: float = 1.0
    offset: float = 0.0

    def probabilities(self, scores: Scores) -> npt.NDArray[np.float32]:
        """Return the probability of each class, `float32 [n, C]`; rows sum to 1 where there is a class."""
        shares = softmax(_bent(scores, self.power) / self.temperature)
        if shares.shape[1] < FEWEST or (self.steepness, self.offset) == (1.0, 0.0):
            return shares.astype(np.float32)
        rows, best, odds = np.arange(len(shares)), scores.argmax(axis=1), _log_odds(shares, scores)
        others = shares.copy()
        others[rows, best] = 0.0
        total = others.sum(axis=1, keepdims=True)
        others = np.where(total > 0, others / np.where(total > 0, total, 1.0), 0.0)
        next_best = others.max(axis=1)
        least = next_best / (1 + next_best) + MARGIN
        moved = np.maximum(sigmoid(self.steepness * odds + self.offset), least)
        moved = np.where(total[:, 0] > 0, moved, 1.0)
        others *= (1 - moved)[:, None]
        others[rows, best] = moved
        return others.astype(np.float32)


def likeliest_sharpness(scores: Scores, truth: npt.NDArray[np.integer[Any]]) -> Sharpness:
    """Return what makes the true classes of held-out inputs likeliest; plain softmax if nothing tells.

    Args:
        scores: Of held-out inputs, `[n, C]`; `-inf` for a column that isn't known, which counts as the lowest that is.
        truth: The column of each input's class, `[n]`.
    """
    if len(scores) < FEWEST or scores.shape[1] < FEWEST:
        return Sharpness(1.0, 1.0)
    tried = []
    for power in POWERS:
        bent = _bent(scores, power)
        temperature = likelihood_temperature(bent, truth)
        tried.append((_log_likelihood(bent / temperature, truth), power, temperature))
    _, power, temperature = max(tried)
    shares = softmax(_bent(scores, power) / temperature)
    right = (scores.argmax(axis=1) == truth).astype(np.float64)
    odds = _log_odds(shares, scores)
    steepness, offset = fitted(odds, right, (1.0, 0.0), PULL)
    gain = log_likelihood(steepness * odds + offset, right) - log_likelihood(odds, right)
    return Sharpness(power, temperature, *((steepness, offset) if gain > LEAST_GAIN else ()))


def likelihood_temperature(
    scores: npt.NDArray[np.floating[Any]], truth: npt.NDArray[np.integer[Any]]
) -> float:
    """Return the `T` for which `softmax(scores / T)` makes the true classes likeliest; 1 where nothing tells.

    Args:
        scores: Of held-out inputs, `[n, C]`; `-inf` for a column that isn't known, which counts as the lowest that is.
        truth: The column of each input's class, `[n]`.

    Example:
        Of inputs that all score 2 against 0, three in four are right, as a probability of 3/4 wants it.

        >>> scores = np.array([[2.0, 0.0]] * 4)
        >>> bool(np.isclose(likelihood_temperature(scores, np.array([0, 0, 0, 1])), 2 / np.log(3)))
        True
    """
    if len(scores) < FEWEST or scores.shape[1] < FEWEST:
        return 1.0
    values = scores.astype(np.float64)
    of_truth = _of_truth(values, truth)
    finite = np.where(np.isfinite(values), values, 0.0)
    low, high = np.log(1 / HOTTEST), np.log(1 / COLDEST)
    for _ in range(HALVINGS):  # the likelihood is concave in 1 / T, and its slope falls
        middle = (low + high) / 2
        slope = of_truth.mean() - float((softmax(values * np.exp(middle)) * finite).sum(axis=1).mean())
        low, high = (middle, high) if slope > 0 else (low, middle)
    return float(np.exp(-(low + high) / 2))


def _bent(scores: Scores, power: float) -> npt.NDArray[np.float64]:
    """Return minus the gap of each score to the best of its row, to a power."""
    if not scores.shape[1]:
        return scores.astype(np.float64)
    gaps = scores.max(axis=1, keepdims=True).astype(np.float64) - scores
    return np.asarray(-(gaps**power), dtype=np.float64)


def _log_odds(shares: npt.NDArray[np.float64], scores: Scores) -> npt.NDArray[np.float64]:
    """Return `log(p / (1 - p))` of the best class of each row, within what a float can tell."""
    rows, best = np.arange(len(shares)), scores.argmax(axis=1)
    others = shares.copy()
    others[rows, best] = 0.0
    rest = np.maximum(others.sum(axis=1), TINY)
    odds: npt.NDArray[np.float64] = np.log(shares[rows, best]) - np.log(rest)
    return odds


def _of_truth(
    values: npt.NDArray[np.float64], truth: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.float64]:
    """Return the score of each input's own class, or the lowest that is known."""
    lowest = np.where(np.isfinite(values), values, np.inf).min(axis=1)
    likely: npt.NDArray[np.float64] = np.maximum(values[np.arange(len(values)), truth], lowest)
    return likely


def _log_likelihood(values: npt.NDArray[np.float64], truth: npt.NDArray[np.integer[Any]]) -> float:
    return float((_of_truth(values, truth) - np.logaddexp.reduce(values, axis=1)).mean())
