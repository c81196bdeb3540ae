"""Where the probability of the forgotten class went: to the neighbours that a retrained model gives it to, or not.

A model that was never given a class spreads the class's probability over similar classes in its own way. An answer that
is spread otherwise, such as evenly, betrays that something was deleted.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from preforget.audit.attacks.attack import About, Finding
from preforget.audit.attacks.membership import FLOOR
from preforget.audit.attacks.observe import Array, Parts, Seen
from preforget.audit.attacks.registry import register_attack
from preforget.audit.attacks.scene import Scene
from preforget.core.errors import DataError
from preforget.core.seeds import derive_seed
from preforget.metrics.roc import auc

FOLDS = 5
ROWS = 1000
"""The most inputs that the detector uses."""

SHOWN = 100
"""The most classes in a figure."""

ABOUT = About(
    name="neighbours",
    title="Probability moved to neighbouring classes",
    asks="Do answers to forgotten images spread over the other classes as those of a model "
    "that was never given the class?",
    source="MIA-NN: Ebrahimpour-Boroojeny et al., arXiv 2506.20893; in total variation to a retrained model",
    margin=0.05,
    titles={
        "mean total variation": "total variation of the mean answers to another retrained model",
        "input total variation": "mean total variation of the answers to another retrained model",
        "uniformity": "mean total variation of the answers to an even spread",
        "neighbour detection auc": "AUC of telling its answers from another retrained model's",
    },
)


def total_variation(p: Array, q: Array) -> Array:
    """Return half the sum of absolute differences over the last axis, 0 to 1: the largest difference of any event.

    >>> float(total_variation(np.array([0.5, 0.5, 0]), np.array([0.5, 0.25, 0.25])))
    0.25
    """
    found: Array = np.abs(p - q).sum(axis=-1) / 2
    return found


def columns_of(seen: Seen, labels: list[str]) -> Array:
    """Return probabilities `[n, len(labels) + 1]` in order of `labels`, abstain last; zeros where one is missing."""
    whole = seen.with_abstain()
    found = np.zeros((len(seen), len(labels) + 1))
    found[:, [labels.index(label) for label in seen.labels]] = whole[:, :-1]
    found[:, -1] = whole[:, -1]
    return found


def even(labels: list[str], forgotten: set[str]) -> Array:
    """Return the even spread over retained classes `[len(labels) + 1]`, nothing for forgotten ones and abstain."""
    kept = np.array([label not in forgotten for label in labels] + [False], dtype=np.float64)
    shares: Array = kept / kept.sum()
    return shares


def log_features(p: Array) -> Array:
    """Return log-probabilities in order of the classes, and sorted, `[n, 2 C]`."""
    logs = np.log(np.maximum(p, FLOOR))
    return np.concatenate([logs, -np.sort(-logs, axis=1)], axis=1)


def detection_auc(ours: Array, theirs: Array, rng: np.random.Generator, folds: int = FOLDS) -> float:
    """Return how well logistic regression tells rows `ours [n, F]` from `theirs [n, F]`: mean AUC over folds.

    Row `i` of both is of one input and both are in one fold. Else the attacker would learn an input's answer from the
    one model and take that of the other for it, and models that can't be told apart would come out below 0.5.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fold = np.arange(len(ours)) % folds
    rng.shuffle(fold)
    areas = []
    for number in range(folds):
        inside, outside = fold == number, fold != number
        attacker = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        truth = np.repeat([1, 0], outside.sum())
        attacker.fit(np.concatenate([ours[outside], theirs[outside]]), truth)
        found = (attacker.decision_function(rows[inside]) for rows in (ours, theirs))
        areas.append(float(auc(*found)))
    return float(np.mean(areas))


def compare(seen: Parts[Seen], other: Parts[Seen], seed: int) -> Finding:
    """Compare the answers to forgotten test inputs with those of `other`, another retrained model.

    Classes are aligned by name; one that only one of the models has counts as zero in the other. `uniformity` is small
    for even answers. Detection is left out below 2 inputs per fold. Figure: the mean answers. Raises `DataError` if the
    inputs differ, there are none, or no class is retained.
    """
    mine, theirs = seen.forget_test, other.forget_test
    if len(mine) != len(theirs) or any(mine.truth != theirs.truth) or not len(mine):
        raise DataError(
            f"the models answered {len(mine)} and {len(theirs)} forgotten test inputs, or others; "
            "ask both the same inputs in the same order, at least one"
        )
    labels = sorted({*mine.labels, *theirs.labels})
    forgotten = set(mine.truth)
    if not set(labels) - forgotten:
        raise DataError(
            "no class is retained, so no probability can move to a neighbour; keep one class or more"
        )
    p, q = columns_of(mine, labels), columns_of(theirs, labels)
    values = {
        "mean total variation": float(total_variation(p.mean(axis=0), q.mean(axis=0))),
        "input total variation": float(total_variation(p, q).mean()),
        "uniformity": float(total_variation(p, even(labels, forgotten)).mean()),
    }
    rng = np.random.default_rng(derive_seed(seed, "neighbours"))
    chosen = rng.permutation(len(p))[:ROWS]
    if len(chosen) >= 2 * FOLDS:
        rows = log_features(p[chosen]), log_features(q[chosen])
        values["neighbour detection auc"] = detection_auc(*rows, rng)
    return Finding(values, {"mean answers": mean_answers(labels, p.mean(axis=0), q.mean(axis=0))})


@register_attack(ABOUT)
def attack_scene(scene: Scene) -> Finding | None:
    """Compare with the next retrained model; None where there is one seed alone."""
    return None if scene.another is None else compare(scene.seen, scene.another, scene.seed)


def mean_answers(labels: list[str], p: Array, q: Array) -> dict[str, list[str] | list[float]]:
    """Return the classes with the largest mean probability in either, abstain called None of them, as plain values."""
    names: npt.NDArray[np.object_] = np.array([*labels, "none of them"], dtype=object)
    shown = np.sort(np.argsort(-np.maximum(p, q), kind="stable")[:SHOWN])
    return {
        "classes": [str(name) for name in names[shown]],
        "model": [round(float(x), 6) for x in p[shown]],
        "retrained": [round(float(x), 6) for x in q[shown]],
    }
