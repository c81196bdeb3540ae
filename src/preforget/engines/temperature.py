"""One temperature that makes probabilities as right as they are sure (Guo et al., arXiv 1706.04599, section 4.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.metrics.softmax import softmax

COLDEST, HOTTEST = 0.02, 500.0
HALVINGS = 60
FEWEST = 2
"""With fewer classes or inputs there is nothing to choose a temperature by."""


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
        >>> round(likelihood_temperature(scores, np.array([0, 0, 0, 1])), 3) == round(2 / np.log(3), 3)
        True
    """
    if len(scores) < FEWEST or scores.shape[1] < FEWEST:
        return 1.0
    values = scores.astype(np.float64)
    lowest = np.where(np.isfinite(values), values, np.inf).min(axis=1)
    of_truth = np.maximum(values[np.arange(len(values)), truth], lowest)
    finite = np.where(np.isfinite(values), values, 0.0)
    low, high = np.log(1 / HOTTEST), np.log(1 / COLDEST)
    for _ in range(HALVINGS):  # the likelihood is concave in 1 / T, and its slope falls
        middle = (low + high) / 2
        slope = of_truth.mean() - float((softmax(values * np.exp(middle)) * finite).sum(axis=1).mean())
        low, high = (middle, high) if slope > 0 else (low, middle)
    return float(np.exp(-(low + high) / 2))
