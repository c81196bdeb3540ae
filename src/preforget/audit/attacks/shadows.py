"""How shadow models judge an attack: each of them in turn is the target, and all others are the attacker's."""

from __future__ import annotations

from typing import Any

import numpy as np

from preforget.audit.attacks.attack import Finding
from preforget.audit.attacks.membership import curve
from preforget.audit.attacks.observe import Array, Mask
from preforget.audit.attacks.registry import Scorer
from preforget.core.errors import DataError
from preforget.metrics.roc import auc, tpr_at

FEWEST = 4
"""The fewest shadows with which an attack can be made."""

FOR_RATES = 100
"""The fewest non-members for a true-positive rate at 1 % false positives."""


def scores_of(attack: Scorer, signals: Array, member: Mask) -> dict[str, Array]:
    """Attack every shadow with all others; return named scores `[S, m]` from `signals` and `member`, `[S, m]`.

    An attack isn't given the membership of its target. Raises `DataError` for shadows that can't be used and for
    scores of another shape or that aren't finite.
    """
    check(signals, member)
    rows = [
        attack(observed, np.delete(signals, target, axis=0), np.delete(member, target, axis=0))
        for target, observed in enumerate(signals)
    ]
    scores = {name: np.stack([np.asarray(row[name]) for row in rows]) for name in rows[0]}
    for name, values in scores.items():
        if values.shape != signals.shape or not np.isfinite(values).all():
            raise DataError(
                f"the scores {name!r} of an attack with shadow models must be finite numbers, one for each of "
                f"{signals.shape[1]} inputs; they have the shape {values.shape[1:]}"
            )
    return scores


def by_target(scores: Array, member: Mask) -> list[float]:
    """Return for each shadow the AUC of its scores `[m]` against a membership `[m]`."""
    return [float(auc(row[inside], row[~inside])) for row, inside in zip(scores, member, strict=True)]


def control(member: Mask) -> Mask:
    """Return memberships `[S, m]` that no shadow's answers can depend on: each shadow's half drawn anew.

    Another shadow's half would be wrong: that shadow is among the attacker's, which lifts the AUC.
    """
    rng = np.random.default_rng(0)
    return np.stack([rng.permutation(row) for row in member])


def pooled(scores: dict[str, Array], member: Mask) -> Finding:
    """Return the values of all targets' scores `[S, m]` together, and one ROC curve for each name.

    The first scores give `auc`, `distance` and, with `FOR_RATES` non-members, `tpr at 1 % fpr`; others, called `x`,
    give `x auc`.
    """
    values: dict[str, float] = {}
    figures: dict[str, Any] = {}
    for name, all_scores in scores.items():
        members, others = all_scores[member], all_scores[~member]
        area = float(auc(members, others))
        figures[f"{name} roc"] = curve(members, others)
        if values:
            values[f"{name} auc"] = area
            continue
        values |= {"auc": area, "distance": abs(area - 0.5)}
        if len(others) >= FOR_RATES:
            values["tpr at 1 % fpr"] = float(tpr_at(members, others, 0.01))
    return Finding(values, figures)


def check(signals: Array, member: Mask) -> None:
    """Raise `DataError` if the attack can't be made."""
    if signals.ndim != 2 or signals.shape != member.shape or len(signals) < FEWEST:
        raise DataError(
            f"signals of shape {signals.shape} and membership of shape {member.shape} can't be attacked; "
            f"both are [shadows, examples] with {FEWEST} shadows or more"
        )
    if not np.isfinite(signals).all():
        raise DataError(f"{int((~np.isfinite(signals)).sum())} signals of shadow models aren't finite")
    if (lopsided := member.all(axis=1) | ~member.any(axis=1)).any():
        raise DataError(
            f"shadow {int(lopsided.argmax())} was trained with all or none of the examples; "
            "train each with a random half of them"
        )
