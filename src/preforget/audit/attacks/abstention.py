"""Whether the model is unsure about forgotten inputs: its confidence on them beside that on retained inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from preforget.audit.attacks.attack import About, Finding
from preforget.audit.attacks.observe import Array, Parts, Seen
from preforget.audit.attacks.registry import register_attack
from preforget.audit.attacks.scene import ROLES, Scene
from preforget.core.errors import DataError
from preforget.metrics.calibration import calibration_error
from preforget.metrics.roc import auc, fpr_at
from preforget.metrics.selective import area_under_risk, coverage_risk

KEPT = 0.95
"""The share of retained inputs that are accepted where the false-positive rate is read."""

HISTOGRAM_BINS = 40
TAIL = 0.005
"""The largest share of a part that each outer bin of a histogram collects."""

CURVE_POINTS = 100

ABOUT = About(
    name="abstention",
    title="Abstaining from forgotten inputs",
    asks="Does the model's confidence tell forgotten inputs from retained ones, and is it as right as it is sure?",
    source="FPR at 95 % TPR: Liang et al., arXiv 1706.02690; area under the coverage-risk curve: Geifman et al., "
    "arXiv 1805.08206; calibration error: Guo et al., arXiv 1706.04599, sec. 2",
    margin=0.05,
    titles={
        "auroc": "AUROC of confidence, retained against forgotten",
        "fpr at 95 % tpr": "forgotten accepted when 95 % of the retained are",
        "aurc": "area under the coverage-risk curve",
        "ece": "expected calibration error on retained inputs",
    },
)


def histograms(parts: dict[str, Array], bins: int = HISTOGRAM_BINS) -> dict[str, list[float]]:
    """Return `edges [bins + 1]` and the share of each part per bin `[bins]`, by name.

    The outer bins also hold the values outside: at most `TAIL` of a part at either end, and infinite values.
    """
    ends = []
    for values in parts.values():
        finite = values[np.isfinite(values)].astype(np.float64)
        if len(finite):
            ends.append(np.quantile(finite, [TAIL, 1 - TAIL], method="nearest"))
    low, high = (min(e[0] for e in ends), max(e[1] for e in ends)) if ends else (0.0, 0.0)
    if not high > low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    shares = {
        name: (np.histogram(np.clip(values, low, high), edges)[0] / len(values)).round(6).tolist()
        for name, values in parts.items()
    }
    # Significant digits: confidences may differ in the eighth place alone.
    return {"edges": [float(f"{edge:.9g}") for edge in edges], **shares}


def measure(answers: Parts[Seen]) -> Finding:
    """Measure confidence on the test parts; figures: their histograms, and the thinned coverage-risk curve.

    Risk and its curve are those of the mixed stream with best guesses as answers, where every forgotten input counts as
    wrong. The AUROC counts a retained input as the positive. Raises `DataError` if a test part is empty or a confidence
    is not a number; it may be infinite.
    """
    retained, forgotten = answers.retain_test, answers.forget_test
    if not len(retained) or not len(forgotten):
        raise DataError(
            f"there are {len(forgotten)} forgotten and {len(retained)} retained test inputs; "
            "give data with at least one of each"
        )
    confidence = np.concatenate([retained.confidence, forgotten.confidence]).astype(np.float64)
    if np.isnan(confidence).any():
        raise DataError(
            f"the confidence of {int(np.isnan(confidence).sum())} inputs is not a number; it must be one or infinite"
        )
    right = retained.guessed_right()
    wrong = np.concatenate([~right, np.ones(len(forgotten), dtype=np.bool_)])
    best = retained.probabilities.argmax(axis=1)
    values = {
        "auroc": auc(retained.confidence, forgotten.confidence),
        "fpr at 95 % tpr": fpr_at(retained.confidence, forgotten.confidence, KEPT),
        "aurc": area_under_risk(confidence, wrong),
        "ece": calibration_error(retained.probabilities[np.arange(len(best)), best], right),
    }
    figures: dict[str, Any] = {
        "confidence": histograms({"retained": retained.confidence, "forgotten": forgotten.confidence}),
        "coverage risk": thinned(*coverage_risk(confidence, wrong)),
    }
    return Finding(values, figures)


@register_attack(ABOUT, roles=ROLES)
def attack_scene(scene: Scene) -> Finding:
    """Measure the confidence of any model."""
    return measure(scene.seen)


def thinned(coverage: Array, risk: Array, points: int = CURVE_POINTS) -> dict[str, list[float]]:
    """Return at most `points` points of a curve, evenly chosen, both ends included, as plain rounded numbers."""
    kept = np.unique(np.linspace(0, len(coverage) - 1, points).round().astype(np.intp))
    return {"coverage": coverage[kept].round(6).tolist(), "risk": risk[kept].round(6).tolist()}
