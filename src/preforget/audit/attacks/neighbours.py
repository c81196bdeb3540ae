"""Whether the probability of the forgotten class moved to the same neighbours as in a retrained model.

A model that never learned a class spreads its inputs' probability over similar classes in its own way. An answer with
another spread, such as an even one, betrays that something was deleted.
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
    asks="Do answers to forgotten inputs spread over the other classes as in a model that never learned the class?",
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
    distance: Array = np.abs(p - q).sum(axis=-1) / 2
    return distance


def columns_of(answers: Seen, labels: list[str]) -> Array:
    """Return probabilities `[n, len(labels) + 1]` in order of `labels`, abstain last; zeros for missing labels."""
    shares = answers.with_abstain()
    columns = np.zeros((len(answers), len(labels) + 1))
    columns[:, [labels.index(label) for label in answers.labels]] = shares[:, :-1]
    columns[:, -1] = shares[:, -1]
    return columns


def even(labels: list[str], forgotten: set[str]) -> Array:
    """Return the even spread over retained classes `[len(labels) + 1]`, nothing for forgotten ones and abstain."""
    kept = np.array([label not in forgotten for label in labels] + [False], dtype=np.float64)
    shares: Array = kept / kept.sum()
    return shares


def log_features(p: Array) -> Array:
    """Return log-probabilities in order of the classes, and sorted, `[n, 2 C]`."""
    logs = np.log(np.maximum(p, FLOOR))
    return np.concatenate([logs, -np.sort(-logs, axis=1)], axis=1)


def detection_auc(
    answer_rows: Array, reference_rows: Array, rng: np.random.Generator, folds: int = FOLDS
) -> float:
    """Return how well logistic regression tells two sets of rows `[n, F]` apart: mean AUC over folds.

    Row `i` of both belongs to the same input, and both are in the same fold. Otherwise the attacker would learn the
    answer of one model and mistake that of the other for it, and equal models would come out below 0.5.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fold = np.arange(len(answer_rows)) % folds
    rng.shuffle(fold)
    areas = []
    for number in range(folds):
        inside, outside = fold == number, fold != number
        attacker = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        truth = np.repeat([1, 0], outside.sum())
        attacker.fit(np.concatenate([answer_rows[outside], reference_rows[outside]]), truth)
        decisions = (attacker.decision_function(rows[inside]) for rows in (answer_rows, reference_rows))
        areas.append(float(auc(*decisions)))
    return float(np.mean(areas))


def compare(answers: Parts[Seen], other: Parts[Seen], seed: int) -> Finding:
    """Compare the answers to forgotten test inputs with those of `other`, another retrained model.

    Classes are aligned by name; a class that only one of the models has counts as zero in the other. `uniformity` is
    small for even answers. Detection is left out below 2 inputs per fold. Figure: the mean answers. Raises `DataError`
    if the inputs differ, there are none, or no class is retained.
    """
    own_answers, reference = answers.forget_test, other.forget_test
    if (
        len(own_answers) != len(reference)
        or any(own_answers.truth != reference.truth)
        or not len(own_answers)
    ):
        raise DataError(
            f"the models answered {len(own_answers)} and {len(reference)} forgotten test inputs, or different ones; "
            "ask both the same inputs in the same order, at least one"
        )
    labels = sorted({*own_answers.labels, *reference.labels})
    forgotten = set(own_answers.truth)
    if not set(labels) - forgotten:
        raise DataError(
            "no class is retained, so no probability can move to a neighbour; keep one class or more"
        )
    p, q = columns_of(own_answers, labels), columns_of(reference, labels)
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
    """Compare with the next retrained model; None if there is only one seed."""
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
