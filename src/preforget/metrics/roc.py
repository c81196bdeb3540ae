"""How well a score tells positives from negatives: ROC curve, the area under it, and rates at a fixed error.

A positive is called one where its score is at least a threshold; the higher the score, the more like a positive. Ties
are called together, so nothing depends on the order of inputs. Only ranks count: scores may be infinite, and never NaN.
All raise `DataError` if there are no positives, no negatives, or a score that is NaN.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError, UsageError

Scores = npt.NDArray[np.float64]


def roc(positives: npt.ArrayLike, negatives: npt.ArrayLike) -> tuple[Scores, Scores]:
    """Return false- and true-positive rates `[k + 1]` for all `k` distinct scores as thresholds, highest first.

    Both rise from 0 (nothing is called positive) to 1.
    """
    inside, outside = _scores(positives, "positives"), _scores(negatives, "negatives")
    _, threshold_of = np.unique(-np.concatenate([inside, outside]), return_inverse=True)
    rates = []
    for positions in (threshold_of[len(inside) :], threshold_of[: len(inside)]):
        counts = np.bincount(positions, minlength=int(threshold_of.max()) + 1)
        rates.append(np.concatenate([[0.0], np.cumsum(counts) / len(positions)]))
    return rates[0], rates[1]


def auc(positives: npt.ArrayLike, negatives: npt.ArrayLike) -> float:
    """Return the probability that a positive scores higher than a negative, ties as half: `U / (n m)`, Mann-Whitney.

    >>> auc([3, 1], [1, 0])
    0.875
    """
    inside, outside = _scores(positives, "positives"), np.sort(_scores(negatives, "negatives"))
    lower, upto = (np.searchsorted(outside, inside, side=side) for side in ("left", "right"))
    return int(lower.sum() + upto.sum()) / (2 * len(inside) * len(outside))


def tpr_at(positives: npt.ArrayLike, negatives: npt.ArrayLike, fpr: float) -> float:
    """Return the largest true-positive rate of a threshold whose false-positive rate is at most `fpr`.

    Nothing is interpolated: with 50 negatives, `fpr=0.01` allows no false positive. Raises `UsageError` for a rate
    outside 0..1.
    """
    _check_rate(fpr)
    false, true = roc(positives, negatives)
    return float(true[false <= fpr].max())


def fpr_at(positives: npt.ArrayLike, negatives: npt.ArrayLike, tpr: float) -> float:
    """Return the least false-positive rate of a threshold whose true-positive rate is at least `tpr`.

    Raises `UsageError` for a rate outside 0..1.
    """
    _check_rate(tpr)
    false, true = roc(positives, negatives)
    return float(false[true >= tpr].min())


def log_curve(fpr: Scores, tpr: Scores, points: int = 100) -> tuple[list[float], list[float]]:
    """Return at most `points` points of the curve of `roc`, evenly spread over the logarithm of `fpr`.

    Each is a point of the curve, the highest at its `fpr`. The first is the one at `fpr` 0 and `tpr` may be 0 too: logs
    have no zero, so draw them at the edge of the axes. Raises `UsageError` for rates that are no such curve, or fewer
    than 3 points.
    """
    if points < 3:
        raise UsageError(f"{points} points make no curve; ask for 3 or more")
    if fpr.shape != tpr.shape or fpr.ndim != 1 or not len(fpr) or fpr[0] != 0 or (np.diff(fpr) < 0).any():
        raise UsageError(
            f"rates of shapes {fpr.shape} and {tpr.shape} are no ROC curve; give what roc() returns"
        )
    above = fpr[fpr > 0]
    grid = np.geomspace(above[0], above[-1], points - 1) if len(above) else above
    kept = np.unique(np.searchsorted(fpr, np.concatenate([[0.0], grid]), side="right") - 1)
    return fpr[kept].tolist(), tpr[kept].tolist()


def _check_rate(rate: float) -> None:
    if not 0 <= rate <= 1:
        raise UsageError(f"a rate of {rate} can't be reached; give one of 0..1")


def _scores(values: npt.ArrayLike, kind: str) -> Scores:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not len(array):
        raise DataError(f"scores of {kind} have shape {array.shape}; give one number per input, at least one")
    if np.isnan(array).any():
        raise DataError(
            f"{int(np.isnan(array).sum())} scores of {kind} are not a number; remove those inputs"
        )
    return array
