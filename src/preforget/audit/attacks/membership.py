"""Same-class membership inference: do answers differ between inputs that a class was learned from and others?

Members and non-members belong to the same class, so no difference comes from the class. `p [n, C]` are rows of
probabilities that sum to 1, abstain's with them; `true [n]` is the column of each input's true label, `p_y` its
probability.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from preforget.audit.attacks.attack import About, Finding
from preforget.audit.attacks.observe import Array, Parts, Seen
from preforget.audit.attacks.registry import register_attack
from preforget.audit.attacks.scene import ROLES, Scene
from preforget.core.errors import DataError
from preforget.metrics.roc import auc, log_curve, roc, tpr_at

Columns = npt.NDArray[np.intp]

FLOOR = 1e-12
"""The least probability whose logarithm is taken."""

MEMBER_IS_HIGHER = {
    "loss": False,
    "confidence": True,
    "largest probability": True,
    "entropy": False,
    "margin": True,
    "modified entropy": False,
}
"""The signals, and whether a member is expected to have the higher value."""

TPR_AT = {"1 %": 0.01, "0.1 %": 0.001}
DRAWN = ("loss", "confidence")

ABOUT = About(
    name="membership",
    title="Membership inference within the class",
    asks="Can the model's answers tell the inputs that the forgotten class was learned from, "
    "from others of the same class?",
    source="signals: Yeom et al., arXiv 1709.01604, and Song & Mittal, arXiv 2003.10595, sec. 3; "
    "true positives at a low false-positive rate: Carlini et al., arXiv 2112.03570, sec. 3",
    margin=0.05,
    titles={"largest distance": "largest |AUC - 0.5| of all signals"}
    | {f"{signal} auc": f"{signal}: AUC" for signal in MEMBER_IS_HIGHER}
    | {f"{signal} distance": f"{signal}: |AUC - 0.5|" for signal in MEMBER_IS_HIGHER}
    | {
        f"{signal} tpr at {rate} fpr": f"{signal}: TPR at {rate} FPR"
        for rate in TPR_AT
        for signal in MEMBER_IS_HIGHER
    }
    | {
        f"retained: {signal} distance": f"retained data, {signal}: |AUC - 0.5|" for signal in MEMBER_IS_HIGHER
    },
    margins={f"{signal} tpr at 1 % fpr": 0.02 for signal in MEMBER_IS_HIGHER}
    | {f"{signal} tpr at 0.1 % fpr": 0.01 for signal in MEMBER_IS_HIGHER},
    unjudged=frozenset(f"retained: {signal} distance" for signal in MEMBER_IS_HIGHER),
)


def all_but(p: Array) -> Array:
    """Return the sum of all other columns `[n, C]`, which is `1 - p` without its rounding near `p = 1`."""
    nothing = np.zeros((len(p), 1))
    before = np.concatenate([nothing, np.cumsum(p[:, :-1], axis=1)], axis=1)
    after = np.concatenate([np.cumsum(p[:, :0:-1], axis=1)[:, ::-1], nothing], axis=1)
    sums: Array = before + after
    return sums


def minus_log(p: Array, rest: Array) -> Array:
    """Return `-log p`, at most `-log FLOOR`, for `rest = 1 - p` that is exact where `p` is near 1."""
    logs: Array = np.where(rest < 0.5, -np.log1p(-np.minimum(rest, 0.5)), -np.log(np.maximum(p, FLOOR)))
    return logs


def at(p: Array, true: Columns) -> Array:
    """Return the value in each input's column `[n]`."""
    chosen: Array = p[np.arange(len(p)), true]
    return chosen


def loss(p: Array, true: Columns) -> Array:
    """Return `-log p_y` `[n]`."""
    return minus_log(at(p, true), at(all_but(p), true))


def entropy(p: Array) -> Array:
    """Return `-sum_i p_i log p_i` `[n]` in nats."""
    entropies: Array = entr(p).sum(axis=1)
    return entropies


def margin(p: Array, true: Columns) -> Array:
    """Return `p_y - max_{i != y} p_i` `[n]`."""
    others = np.array(p)
    others[np.arange(len(p)), true] = -np.inf
    margins: Array = at(p, true) - others.max(axis=1)
    return margins


def modified_entropy(p: Array, true: Columns) -> Array:
    """Return `Mentr = -(1 - p_y) log p_y - sum_{i != y} p_i log(1 - p_i)` `[n]`.

    Least if `p_y = 1`, largest if another class has all probability: unlike entropy, it depends on which class is
    right. Source: Song & Mittal, arXiv 2003.10595, sec. 3.2, equation 8.
    """
    rest = all_but(p)
    wrong = p * minus_log(rest, p)
    wrong[np.arange(len(p)), true] = 0
    entropies: Array = at(rest, true) * loss(p, true) + wrong.sum(axis=1)
    return entropies


def signals(answers: Seen) -> dict[str, Array]:
    """Return each signal of `MEMBER_IS_HIGHER`, `[n]`; abstain stands in for a true column that is gone."""
    p, true = answers.with_abstain(), answers.true_columns()
    return {
        "loss": loss(p, true),
        "confidence": answers.confidence.astype(np.float64),
        "largest probability": p.max(axis=1),
        "entropy": entropy(p),
        "margin": margin(p, true),
        "modified entropy": modified_entropy(p, true),
    }


def evidence(seen_in: Seen, seen_out: Seen) -> dict[str, tuple[Array, Array]]:
    """Return each signal of members and of non-members, the higher the more like a member.

    A confidence may be infinite: only ranks count. Raises `DataError` for NaN and for a part without inputs.
    """
    if not len(seen_in) or not len(seen_out):
        raise DataError(
            f"membership inference needs inputs that were learned from ({len(seen_in)} given) and inputs of the "
            f"same class that were kept apart ({len(seen_out)} given); give data that have both"
        )
    signals_of: dict[str, tuple[Array, Array]] = {}
    others = signals(seen_out)
    for name, values in signals(seen_in).items():
        broken = int(np.isnan(values).sum() + np.isnan(others[name]).sum())
        if broken:
            raise DataError(
                f"the {name} of {broken} inputs is not a number, so the model can't be judged; repair it"
            )
        signals_of[name] = (values, others[name]) if MEMBER_IS_HIGHER[name] else (-values, -others[name])
    return signals_of


def measure(answers: Parts[Seen]) -> Finding:
    """Attack the forgotten data, and for comparison the retained data, with every signal.

    A true-positive rate assumes that members lie where overfitting puts them; a leak in the other direction shows in
    AUC and distance. It is left out if there are too few non-members to resolve the false-positive rate. Figures: ROC
    curves of `DRAWN`, thinned for log axes. Raises `DataError` if there are no members or no non-members.
    """
    values: dict[str, float] = {}
    figures = {}
    distances = []
    for name, (members, others) in evidence(answers.forget_train, answers.forget_test).items():
        area = float(auc(members, others))
        distances.append(abs(area - 0.5))
        values[f"{name} auc"], values[f"{name} distance"] = area, distances[-1]
        for title, rate in TPR_AT.items():
            if len(others) * rate >= 1:
                values[f"{name} tpr at {title} fpr"] = float(tpr_at(members, others, rate))
        if name in DRAWN:
            figures[f"{name} roc"] = curve(members, others)
    values["largest distance"] = max(distances)
    if len(answers.retain_train) and len(answers.retain_test):
        for name, (members, others) in evidence(answers.retain_train, answers.retain_test).items():
            values[f"retained: {name} distance"] = abs(float(auc(members, others)) - 0.5)
    return Finding(values, figures)


@register_attack(ABOUT, roles=ROLES)
def attack_scene(scene: Scene) -> Finding:
    """Attack the answers of any model."""
    return measure(scene.seen)


def curve(members: Array, others: Array) -> dict[str, list[float]]:
    """Return a ROC curve as plain rounded numbers, thinned for log axes."""
    fpr, tpr = log_curve(*roc(members, others))
    return {"fpr": [round(float(x), 6) for x in fpr], "tpr": [round(float(y), 6) for y in tpr]}
