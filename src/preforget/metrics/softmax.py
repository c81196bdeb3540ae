"""Softmax of rows of scores, where there may be no column at all."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import special

Float = TypeVar("Float", bound=np.floating[Any])


def softmax(scores: npt.NDArray[Float]) -> npt.NDArray[Float]:
    """Return `exp(s_i) / sum_j exp(s_j)` of each row of `scores [n, C]`, in their number format.

    >>> softmax(np.array([[0.0, 0.0], [1000.0, -1000.0]])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    if not scores.shape[1]:
        return scores.copy()
    shares: npt.NDArray[Float] = special.softmax(scores, axis=1)
    return shares
