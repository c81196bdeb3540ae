"""Rows of scores as probabilities, where there may be no column at all."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Float = TypeVar("Float", bound=np.floating[Any])


def softmax(scores: npt.NDArray[Float]) -> npt.NDArray[Float]:
    """Return `exp(s_i) / sum_j exp(s_j)` of each row of `scores [n, C]`, in their number format.

    >>> softmax(np.array([[0.0, 0.0], [1000.0, -1000.0]])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    if not scores.shape[1]:
        return scores.copy()
    from scipy import special  # takes a while, and most answers need none of it

    shares: npt.NDArray[Float] = special.softmax(scores, axis=1)
    return shares


def given_known(shares: npt.NDArray[np.float32], scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return probabilities `[n, classes]` whose rows sum to 1: those of an input that is of one of the classes.

    Where all of them are too small for a float, the best class has it all.

    >>> given_known(np.array([[0.1, 0.3]], dtype=np.float32), np.zeros((1, 2), dtype=np.float32)).round(2).tolist()
    [[0.25, 0.75]]
    """
    if not scores.shape[1]:
        return shares
    total = shares.sum(axis=1, keepdims=True, dtype=np.float64)
    best = np.arange(scores.shape[1]) == scores.argmax(axis=1)[:, None]
    known = np.where(total > 0, shares / np.where(total > 0, total, 1), best)
    return np.asarray(known, dtype=np.float32)
