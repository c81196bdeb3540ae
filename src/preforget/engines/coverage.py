"""How sure an answer must be so that a set share of known inputs is answered, in each class if that can be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.keep import single_shares
from preforget.metrics.shares import COVERAGE, share_interval

Values = npt.NDArray[np.float64]
Whole = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class ClassCoverage:
    """How many held-out inputs of a class are answered.

    `share`: `answered / held_out`, None where none was held out; `interval`: where the true share lies, 95 %.
    """

    label: str = field(repr=False)
    held_out: int
    answered: int
    interval: tuple[float, float]

    @property
    def share(self) -> float | None:
        """The share that is answered."""
        return self.answered / self.held_out if self.held_out else None

    def holds(self, keep: float) -> bool:
        """Tell whether the inputs that were held out agree with the share that is to be answered."""
        return self.interval[0] <= keep <= self.interval[1]


def one_limit(confidence: npt.ArrayLike, keep: float) -> float:
    """Return the confidence that a share `keep` of new inputs is expected to reach, by `[n]` that were held out.

    It is that of rank `(1 - keep) (n + 1)` from below, as in split conformal prediction (Lei et al., JASA 113, 2018).
    Where that is less than 1, which for 95 % is below 19 inputs, it lies below all of them: as far as an exponential
    lower tail says that goes through their median and their minimum. Minus infinity where there are none.

    >>> one_limit([4.0, 1.0, 2.0, 3.0], 0.75)
    1.0
    """
    ordered = np.sort(np.asarray(confidence, dtype=np.float64))
    if not len(ordered):
        return float("-inf")
    rank = int(np.floor((1 - keep) * (len(ordered) + 1) + 1e-9))
    lowest, middle = float(ordered[0]), float(np.median(ordered))
    if rank or not np.isfinite(lowest) or middle == lowest:
        return float(ordered[max(0, rank - 1)])
    return middle - (middle - lowest) * float(np.log(0.5 / (1 - keep)) / np.log((len(ordered) + 1) / 2))


def limits(
    confidence: Values, best: Whole, truth: Whole, classes: int, keep: float, shared: float | None = None
) -> Values:
    """Return the confidence that an answer must reach, `[classes]`: the same for all, or one for each answer.

    One for all is simpler and rests on more inputs. It is given up only where the held-out inputs of some class refute
    that a share `keep` of them is answered, at 5 % for all classes together. Then the limit of an answer is such that
    `keep` of new inputs with that answer are expected to reach it; where the inputs are too few to tell that, it is at
    most the one for all.

    Args:
        confidence: Of held-out inputs, `[n]`.
        best: The column of the class that each would be answered with, `[n]`.
        truth: The column of its class, `[n]`.
        classes: How many there are.
        keep: The share to be answered.
        shared: The one for all, by default `one_limit`.
    """
    shared = one_limit(confidence, keep) if shared is None else shared
    every = np.full(classes, shared)
    present = np.unique(truth)
    surely = 1 - (1 - COVERAGE) / max(1, len(present))
    counts = [(confidence[truth == column] >= shared) for column in present]
    refuted = any(_refutes(int(sure.sum()), len(sure), keep, surely) for sure in counts)
    for column in range(classes):
        values = confidence[best == column]
        few = (1 - keep) * (len(values) + 1) < 1
        low = few and _chance_of_lying_so_low(confidence[truth == column], confidence) < 1 - surely
        if len(values) and (refuted or low):
            class_limit = one_limit(values, keep)
            every[column] = min(shared, class_limit) if few else class_limit
    return every


def limits_by_class(labels: Sequence[str], keep: float, limits_for: Callable[[float], Values]) -> Values:
    """Return the confidence that each answer must reach, `[labels]`, by the share that is set for its class.

    `limits_for` returns those of all answers for one share.
    """
    every = limits_for(float(keep))
    for label, share in single_shares(keep).items():
        if label in labels:
            column = list(labels).index(label)
            every[column] = limits_for(share)[column]
    return every


def coverage(
    labels: Sequence[str], confidence: Values, best: Whole, truth: Whole, limit: Values
) -> list[ClassCoverage]:
    """Return for each class how many of its held-out inputs reach the limit of their best answer."""
    sure = confidence >= limit[best] if len(confidence) else np.zeros(0, dtype=np.bool_)
    counted = []
    for column, label in enumerate(labels):
        of_class = sure[truth == column]
        answered = int(of_class.sum())
        counted.append(ClassCoverage(label, len(of_class), answered, share_interval(answered, len(of_class))))
    return counted


def _chance_of_lying_so_low(values: Values, every: Values) -> float:
    """Return how likely as many of `every`, drawn at random, are all at most as high as the highest of `values`."""
    if not len(values):
        return 1.0
    below = np.count_nonzero(every <= values.max()) - np.arange(len(values))
    return float(np.prod(below / (len(every) - np.arange(len(values)))))


def _refutes(answered: int, count: int, keep: float, surely: float) -> bool:
    low, high = share_interval(answered, count, surely)
    return not low <= keep <= high
