"""How wrong a model is if it answers only what it is surest of (Geifman et al., arXiv 1805.08206)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]


def coverage_risk(confidence: Array, wrong: Mask) -> tuple[Array, Array]:
    """Return coverage and risk `[k]` if only inputs of at least a confidence are answered, `k` distinct ones.

    Coverage is the share of inputs that are answered, risk the share of those that are wrong; the surest come first.
    """
    _, rank, sizes = np.unique(-confidence, return_inverse=True, return_counts=True)
    answered = np.cumsum(sizes)
    errors = np.cumsum(np.bincount(rank, weights=wrong, minlength=len(sizes)))
    return answered / len(confidence), errors / answered


def area_under_risk(confidence: Array, wrong: Mask) -> float:
    """Return the mean over `k = 1..n` of the risk of answering the `k` surest inputs (AURC), 0 to 1.

    Inputs of equal confidence come in random order, and the mean over all orders is taken: each of them is as wrong as
    they are on average.
    """
    _, rank, sizes = np.unique(-confidence, return_inverse=True, return_counts=True)
    rate = np.bincount(rank, weights=wrong, minlength=len(sizes)) / sizes
    risks = np.cumsum(np.repeat(rate, sizes)) / np.arange(1, len(confidence) + 1)
    return float(risks.mean())
