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

    found = []
    for column, (label, own) in enumerate(zip(labels, truth.T, strict=True)):
        if not own.any() or own.all():
            found.append(ConditionQuality(label, int(own.sum()), None, None))
            continue
        precision = float(average_precision_score(own, scores[:, column]))
        area = auc(scores[own, column], scores[~own, column])
        found.append(ConditionQuality(label, int(own.sum()), precision, area))
    return found


def mean_average_precision(found: Sequence[ConditionQuality]) -> float | None:
    """Return the mean over the conditions that can be measured, None if there are none."""
    known = [one.average_precision for one in found if one.average_precision is not None]
    return float(np.mean(known)) if known else None
