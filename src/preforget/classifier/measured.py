"""How good a classifier is on labelled inputs, as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.abstain import ABSTAIN
from preforget.data.dataset import Labels
from preforget.engines.base import Scores
from preforget.metrics.conditions import ConditionQuality
from preforget.metrics.confusion import confusion
from preforget.metrics.debiased_calibration import (
    Calibration,
    Reliability,
    calibration,
    classwise_calibration,
    equal_mass_bins,
)
from preforget.metrics.roc import auc
from preforget.metrics.selective import area_under_risk, coverage_risk
from preforget.metrics.shares import share_interval

CURVE_POINTS = 100
OTHERS = "unknown classes"


@dataclass(frozen=True)
class ClassQuality:
    """How inputs of one class are answered.

    `count` inputs, of which `answered`; `recall`: the share that is answered with this class; `precision`: the share
    of the answers with this class that is right, None where there is none; `interval`: where the answered share lies,
    95 %.
    """

    label: str = field(repr=False)
    count: int
    answered: int
    recall: float | None
    precision: float | None
    interval: tuple[float, float]


@dataclass(frozen=True)
class UnknownClass:
    """A class in the data that the model doesn't know, forgotten or never learned: `abstained` of `count` inputs."""

    label: str = field(repr=False)
    count: int
    abstained: int


@dataclass(frozen=True, eq=False)
class Curves:
    """What pictures show: the bins of the reliability diagram, coverage and risk `[k]`, and the confusion matrix.

    `rows`: true classes, the unknown ones as the last; `columns`: answers; `counts [rows, columns + 1]`, where the last
    column is abstaining.
    """

    reliability: Reliability
    coverage: npt.NDArray[np.float64]
    risk: npt.NDArray[np.float64]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Measured:
    """How good a model is on `inputs` labelled inputs; None where there is nothing to measure.

    Of inputs whose class the model knows: `accuracy`, the share whose best class is right, abstention left aside;
    `abstained`, the share that doesn't reach the threshold, also where `on_unknown` then answers with the best class;
    `risk`, the share of answers that is wrong, and `aurc`, its mean over all numbers of answers, the surest first;
    `calibration` of the best class's probability and `classwise`, the mean over all classes; `classes`, each by itself.

    `unknown`: classes in the data that the model doesn't know, so that it should abstain; `auroc`: how well its
    confidence tells them from the others; `keep`: the share that was to be answered.

    With several labels per input `mean_average_precision` and each of the `conditions` stand in place of all that.
    """

    inputs: int
    accuracy: float | None
    abstained: float | None
    mean_average_precision: float | None = None
    conditions: tuple[ConditionQuality, ...] = ()
    keep: float | None = None
    risk: float | None = None
    aurc: float | None = None
    auroc: float | None = None
    calibration: Calibration | None = None
    classwise: Calibration | None = None
    classes: tuple[ClassQuality, ...] = ()
    unknown: tuple[UnknownClass, ...] = ()
    curves: Curves | None = field(default=None, repr=False, compare=False)

    @property
    def unknown_abstained(self) -> float | None:
        """The share of inputs of unknown classes on which the model abstains."""
        total = sum(one.count for one in self.unknown)
        return sum(one.abstained for one in self.unknown) / total if total else None


def facts(
    truth: Labels,
    labels: Sequence[str],
    scores: Scores,
    probabilities: Scores,
    confidence: Scores,
    answers: Labels,
    generator: np.random.Generator,
) -> dict[str, Any]:
    """Return what `Measured` says of a model with one label per input, but for `inputs` and `keep`.

    Args:
        truth: The class of each input, `[n]`.
        labels: The columns, at least one.
        scores: `[n, labels]`.
        probabilities: Of each class given that it is one of them, `[n, labels]`.
        confidence: That it is one of them, `[n]`.
        answers: A label or `ABSTAIN`, `[n]`.
        generator: Draws inputs again for intervals.
    """
    column = {label: number for number, label in enumerate(labels)}
    true_column = np.array([column.get(label, -1) for label in truth], dtype=np.int64)
    known = true_column >= 0
    silent = np.array([answer is ABSTAIN for answer in answers], dtype=np.bool_)
    unknown = tuple(
        UnknownClass(str(label), int(of.sum()), int((of & silent).sum()))
        for label in sorted(set(truth[~known]))
        for of in [truth == label]
    )
    if not known.any():
        return {"accuracy": None, "abstained": None, "unknown": unknown}
    best = scores[known].argmax(axis=1)
    right = best == true_column[known]
    sure = confidence[known].astype(np.float64)
    p_best = probabilities[known].max(axis=1)
    answered = ~silent[known]
    coverage, risk = coverage_risk(sure, ~right)
    kept = np.unique(np.linspace(0, len(coverage) - 1, CURVE_POINTS).round().astype(np.intp))
    rows = (*labels, *([OTHERS] if unknown else []))
    named = [label if yes else OTHERS for label, yes in zip(truth, known, strict=True)]
    curves = Curves(
        equal_mass_bins(p_best, right),
        coverage[kept].astype(np.float64),
        risk[kept].astype(np.float64),
        rows,
        tuple(labels),
        confusion(named, answers, rows, labels),
    )
    return {
        "accuracy": float(right.mean()),
        "abstained": float(silent[known].mean()),
        "risk": float((~right[answered]).mean()) if answered.any() else None,
        "aurc": area_under_risk(sure, ~right),
        "auroc": auc(sure, confidence[~known]) if unknown else None,
        "calibration": calibration(p_best, right, generator=generator),
        "classwise": classwise_calibration(probabilities[known], true_column[known], generator=generator),
        "classes": _classes(labels, curves.counts),
        "unknown": unknown,
        "curves": curves,
    }


def _classes(labels: Sequence[str], counts: npt.NDArray[np.int64]) -> tuple[ClassQuality, ...]:
    """Return the quality of each of `labels` from the confusion matrix."""
    measured = []
    for number, label in enumerate(labels):
        total, hits = int(counts[number].sum()), int(counts[number, number])
        answered, given = total - int(counts[number, -1]), int(counts[:, number].sum())
        measured.append(
            ClassQuality(
                label,
                total,
                answered,
                hits / total if total else None,
                hits / given if given else None,
                share_interval(answered, total),
            )
        )
    return tuple(measured)
