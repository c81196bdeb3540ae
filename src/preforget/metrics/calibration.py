"""Is a model as right as it is sure? The expected calibration error (Guo et al., arXiv 1706.04599, section 2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 15


def calibration_error(
    probability: npt.NDArray[np.floating[Any]], right: npt.NDArray[np.bool_], bins: int = BINS
) -> float:
    """Return `sum_b n_b / n |mean right - mean probability|` over bins `(i/bins, (i+1)/bins]`, 0 to 1.

    `probability [n]`: of each best guess; `right [n]`: whether it is the true label.
    """
    sure = np.clip(probability.astype(np.float64), 0, 1)
    edges = np.arange(1, bins) / bins
    bin_of = np.searchsorted(edges, sure, side="left")
    # n_b of both means cancels against n_b / n, so sums are enough.
    differences = np.bincount(bin_of, weights=right - sure, minlength=bins)
    return float(np.abs(differences).sum() / len(sure))
