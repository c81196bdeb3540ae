"""Calibration error that few inputs don't inflate (Kumar, Liang and Ma, arXiv 1909.10155, sections 4 and 5).

Inputs are put into bins of about equal mass by their probability. In bin `b` with a share `w_b` of the `n` inputs,
`p_b` is the mean probability, `a_b` the share that is right and `s_b^2 = a_b (1 - a_b) / n_b` the variance of that
share. The plug-in error is `sum_b w_b |a_b - p_b|`. It is too large, since `a_b` misses the truth by chance; how much
it grows when `a_b` is drawn again from a normal distribution, whose mean absolute value has a closed form, estimates
by how much.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError

BINS = 15
RESAMPLES = 500
COVERAGE = 0.95

Array = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reliability:
    """The bins of a reliability diagram, `[bins]` each: share of the inputs, mean probability, share that is right."""

    weight: Values
    probability: Values
    right: Values
    count: Values


@dataclass(frozen=True)
class Calibration:
    """How far probabilities are from shares, 0 to 1.

    `error`: the debiased estimate, 0 where chance alone explains the plug-in error; `interval`: the middle 95 % of the
    estimates on inputs drawn again with replacement; `plain`: the plug-in error; `floor`: the plug-in error to be
    expected of perfectly calibrated probabilities on as many inputs.
    """

    error: float
    interval: tuple[float, float]
    plain: float
    floor: float


def equal_mass_bins(probability: Array, right: Mask, bins: int = BINS) -> Reliability:
    """Return at most `bins` bins of about as many inputs each; equal probabilities are in one bin.

    Args:
        probability: Of being right, `[n]`, 0 to 1.
        right: Whether it was, `bool [n]`.
        bins: How many at most; there are fewer where probabilities are equal.

    Raises:
        DataError: There is no input, or not as many probabilities as outcomes.

    Example:
        >>> curve = equal_mass_bins(np.array([0.2, 0.4, 0.6, 0.8]), np.array([False, False, True, True]), bins=2)
        >>> curve.probability.round(2).tolist(), curve.right.tolist()
        ([0.3, 0.7], [0.0, 1.0])
    """
    sure = np.clip(np.asarray(probability, dtype=np.float64), 0, 1)
    if not len(sure) or sure.shape != np.shape(right):
        raise DataError(
            f"{len(sure)} probabilities and {np.size(right)} outcomes have no calibration; give one of each per input"
        )
    ordered = np.sort(sure)
    # the first probability of each bin but the lowest
    starts = np.unique(ordered[[len(sure) * b // bins for b in range(1, bins)]])
    bin_of = np.searchsorted(starts, sure, side="right")
    size = len(starts) + 1
    counts = np.bincount(bin_of, minlength=size)
    full = counts > 0
    sums = (np.bincount(bin_of, weights=values, minlength=size)[full] for values in (sure, right))
    mean, share = (total / counts[full] for total in sums)
    return Reliability(counts[full] / len(sure), mean, share, counts[full].astype(np.float64))


def debiased_error(bins: Reliability) -> tuple[float, float]:
    """Return the debiased and the plug-in calibration error of the bins of a reliability diagram."""
    gap = bins.right - bins.probability
    spread = np.sqrt(bins.right * (1 - bins.right) / bins.count)
    plain = float(bins.weight @ np.abs(gap))
    return max(0.0, 2 * plain - float(bins.weight @ _mean_absolute(gap, spread))), plain


def floor_of(bins: Reliability) -> float:
    """Return the plug-in error to be expected of as many inputs in these bins if they were perfectly calibrated."""
    spread = np.sqrt(bins.probability * (1 - bins.probability) / bins.count)
    return float(bins.weight @ _mean_absolute(np.zeros_like(spread), spread))


def calibration(
    probability: Array, right: Mask, *, generator: np.random.Generator, bins: int = BINS
) -> Calibration:
    """Measure whether answers are as often right as their probability says.

    Args:
        probability: Of the best class of each input, `[n]`.
        right: Whether that class is the true one, `bool [n]`.
        generator: Draws the inputs again for the interval.
        bins: How many bins of equal mass.

    Raises:
        DataError: There is no input, or not as many probabilities as outcomes.
    """
    binned = equal_mass_bins(probability, right, bins)
    error, plain = debiased_error(binned)
    drawn = _drawn(generator, len(right), RESAMPLES)
    errors = [debiased_error(equal_mass_bins(probability[rows], right[rows], bins))[0] for rows in drawn]
    return Calibration(error, _middle(errors), plain, floor_of(binned))


def classwise_calibration(
    probabilities: Array,
    truth: npt.NDArray[np.integer[Any]],
    *,
    generator: np.random.Generator,
    bins: int = BINS,
) -> Calibration:
    """Measure whether each class is as frequent as its probability says: the mean of the error over the classes.

    Args:
        probabilities: Of each class, `[n, classes]`.
        truth: The column of each input's class, `[n]`.
        generator: Draws the inputs again for the interval.
        bins: How many bins of equal mass per class.

    Raises:
        DataError: There is no input or no class.
    """
    classes = range(probabilities.shape[1])
    if not classes:
        raise DataError("probabilities of no class have no calibration; give one column per class")
    binned = [equal_mass_bins(probabilities[:, c], truth == c, bins) for c in classes]
    error, plain = np.mean([debiased_error(one) for one in binned], axis=0)
    drawn = _drawn(generator, len(truth), max(1, RESAMPLES // len(classes)))
    errors = [
        float(
            np.mean(
                [
                    debiased_error(equal_mass_bins(probabilities[r, c], truth[r] == c, bins))[0]
                    for c in classes
                ]
            )
        )
        for r in drawn
    ]
    return Calibration(
        float(error), _middle(errors), float(plain), float(np.mean([floor_of(b) for b in binned]))
    )


def _drawn(generator: np.random.Generator, inputs: int, times: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield as many inputs as there are, drawn again, one drawing at a time: all at once can be gigabytes."""
    return (generator.integers(0, inputs, inputs) for _ in range(times))


def _middle(values: list[float]) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)


def _mean_absolute(mean: Values, spread: Values) -> Values:
    """Return `E |x|` of normal `x`: `s sqrt(2 / pi) exp(-m^2 / 2 s^2) + m (1 - 2 Phi(-m / s))`."""
    from scipy.special import ndtr  # scipy takes a while, and answering needs no calibration

    safe = np.where(spread > 0, spread, 1.0)
    folded = safe * np.sqrt(2 / np.pi) * np.exp(-0.5 * (mean / safe) ** 2) + mean * (
        1 - 2 * ndtr(-mean / safe)
    )
    values: Values = np.where(spread > 0, folded, np.abs(mean))
    return values
