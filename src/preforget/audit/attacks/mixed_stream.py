"""Forgotten and retained inputs in one stream, all classes live: what is still known, and how the rest is answered.

Scored apart, forgetting all classes but one looks perfect, since the last class always wins. Therefore forgotten inputs
meet all live classes here, and the accuracy of always naming the commonest class stands beside that of the model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from preforget.audit.attacks.attack import About, Finding
from preforget.audit.attacks.observe import Parts, Seen
from preforget.audit.attacks.registry import register_attack
from preforget.audit.attacks.scene import ROLES, Scene
from preforget.core.abstain import ABSTAIN
from preforget.core.errors import DataError, UsageError
from preforget.metrics.confusion import confusion

FORGET, RETAIN, RETAIN_TRAIN = "forget accuracy", "retain accuracy", "retain accuracy, train"
MEMBERSHIP = "membership accuracy"
"""The key under which `average_gap` finds the accuracy of membership inference."""

NONE = "none"
MOST_CLASSES = 100
"""The most true classes for which a confusion matrix is drawn."""

ABOUT = About(
    name="mixed_stream",
    title="Answers on one mixed stream",
    asks="With all remaining classes live, are forgotten inputs still recognised or taken for another class, "
    "and are retained inputs still answered rightly?",
    source="field practice; the average gap to a retrained model: LoTUS, arXiv 2503.18314; "
    "tug of war: RUM, arXiv 2406.01257",
    margin=0.05,
    titles={
        FORGET: "forgotten test inputs: best guess is right",
        RETAIN: "retained test inputs: best guess is right",
        RETAIN_TRAIN: "retained training inputs: best guess is right",
        "retain answered right": "retained test inputs: answered, and rightly",
        "false accept": "forgotten test inputs answered with a retained class",
        "false abstain": "retained test inputs not answered",
        "prior only": "retained test inputs: accuracy of always naming the commonest class",
    },
    unjudged=frozenset({"prior only"}),
)


def measure(answers: Parts[Seen]) -> Finding:
    """Score the mixed stream; figure: its confusion matrix, up to `MOST_CLASSES` true classes.

    An answer is a false accept if it is neither an abstention nor a class that is to be forgotten, so that the
    model before forgetting can be measured too. Raises `DataError` if a test part is empty.
    """
    forgotten, retained = answers.forget_test, answers.retain_test
    if not len(forgotten) or not len(retained):
        raise DataError(
            f"the mixed stream has {len(forgotten)} forgotten and {len(retained)} retained test inputs; "
            "give data with at least one of each"
        )
    gone = {*forgotten.truth, *answers.forget_train.truth}
    values = {
        FORGET: float(forgotten.guessed_right().mean()),
        RETAIN: float(retained.guessed_right().mean()),
        "retain answered right": float(np.mean(np.array(retained.answers == retained.truth, dtype=np.bool_))),
        "false accept": float(
            np.mean([answer is not ABSTAIN and answer not in gone for answer in forgotten.answers])
        ),
        "false abstain": float(retained.abstained().mean()),
        "prior only": max(Counter(retained.truth).values()) / len(retained),
    }
    if len(answers.retain_train):
        values[RETAIN_TRAIN] = float(answers.retain_train.guessed_right().mean())
    rows = sorted({*retained.truth} - gone) + sorted(gone)
    if len(rows) > MOST_CLASSES:
        return Finding(values)
    parts = (confusion(part.truth, part.answers, rows, part.labels) for part in (retained, forgotten))
    matrix = {
        "rows": rows,
        "columns": [*retained.labels, NONE],
        "counts": sum(parts, np.zeros((), dtype=np.int64)).tolist(),
        "forgotten": sorted(gone),
    }
    return Finding(values, {"confusion": matrix})


@register_attack(ABOUT, roles=ROLES)
def attack_scene(scene: Scene) -> Finding:
    """Score the answers of any model."""
    return measure(scene.seen)


def average_gap(values: Mapping[str, float], retrain: Mapping[str, float]) -> float:
    """Return the mean absolute difference of forget, retain and training accuracy, and of `MEMBERSHIP` if given.

    `values`, `retrain`: values by the keys of `measure`. 0 means no difference. Raises `UsageError` if one of the two
    lacks a value. Source: the "Avg. Gap" of LoTUS, arXiv 2503.18314, here with forgotten and retained accuracy of test
    inputs.
    """
    keys = [FORGET, RETAIN, RETAIN_TRAIN]
    keys += [MEMBERSHIP] if MEMBERSHIP in values or MEMBERSHIP in retrain else []
    return float(np.mean(_differences(values, retrain, keys)))


def tug_of_war(values: Mapping[str, float], retrain: Mapping[str, float]) -> float:
    """Return `prod(1 - |a - a'|)` over forget, retained training and retained test accuracy; 1 means no difference.

    `values`, `retrain`: values by the keys of `measure`. Raises `UsageError` if one of the two lacks a value. Source:
    ToW of RUM, arXiv 2406.01257, here with the forget accuracy of test inputs.
    """
    return float(np.prod([1 - gap for gap in _differences(values, retrain, [FORGET, RETAIN_TRAIN, RETAIN])]))


def _differences(
    values: Mapping[str, float], retrain: Mapping[str, float], keys: Iterable[str]
) -> list[float]:
    differences = []
    for key in keys:
        if key not in values or key not in retrain:
            raise UsageError(f"{key!r} was not measured on both models; give it for both")
        differences.append(abs(values[key] - retrain[key]))
    return differences
