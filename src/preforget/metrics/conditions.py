"""How well each condition is told, where inputs have several: average precision and AUROC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from preforget.metrics.roc import auc


@dataclass(frozen=True)
class ConditionQuality:
    """One condition on test inputs: how many have it, average precision, AUROC; None where all or none have it."""

    label: str
    count: int
    average_precision: float | None
    auroc: float | None


def per_condition(
    labels: Sequence[str], scores: npt.NDArray[np.floating], truth: npt.NDArray[np.bool_]
) -> list[ConditionQuality]:
    """Return the quality of each of `labels` from `scores [n, labels]` and `truth`, `bool [n, labels]`."""
    from sklearn.metrics import average_precision_score

    qualities = []
    for column, (label, positive) in enumerate(zip(labels, truth.T, strict=True)):
        if not positive.any() or positive.all():
            qualities.append(ConditionQuality(label, int(positive.sum()), None, None))
            continue
        precision = float(average_precision_score(positive, scores[:, column]))
        area = auc(scores[positive, column], scores[~positive, column])
        qualities.append(ConditionQuality(label, int(positive.sum()), precision, area))
    return qualities


def mean_average_precision(qualities: Sequence[ConditionQuality]) -> float | None:
    """Return the mean over the conditions that can be measured, None if there are none."""
    known = [one.average_precision for one in qualities if one.average_precision is not None]
    return float(np.mean(known)) if known else None
