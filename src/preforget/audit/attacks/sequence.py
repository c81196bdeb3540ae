"""Classes are forgotten one by one until one is left, then one is added back: is the rest still as good?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from preforget.audit.attacks.attack import About, Effort, Finding
from preforget.audit.attacks.observe import Parts
from preforget.audit.attacks.registry import register_attack
from preforget.audit.attacks.scene import Scene
from preforget.classifier import PreForgettableClassifier
from preforget.core.abstain import ABSTAIN
from preforget.core.errors import DataError, UsageError
from preforget.core.seeds import derive_seed
from preforget.data import Split
from preforget.data.dataset import Labels

ABOUT = About(
    name="sequence",
    title="Sequences of forgetting",
    asks="Do retained classes stay as accurate, and forgotten inputs unanswered, while class after class is forgotten "
    "and one comes back? With one class left, naming it is right for every retained input: accuracy is 1 "
    "whatever the model knows, so the prior-only baseline stands beside it. The margin is 0.05, and 0.10 for accuracy "
    "after adding back, which few inputs decide.",
    source="claim of arXiv 2509.15230, section 4",
    margin=0.05,
    titles={
        "ra_mean": "retained accuracy, mean over steps",
        "ra_half": "retained accuracy at half of the classes",
        "worst_drop": "largest drop of retained accuracy in one step",
        "false_accept_mean": "forgotten inputs answered, mean over steps",
        "prior_mean": "prior-only baseline: retained accuracy of the most frequent live class, mean over steps",
        "ra_added_back": "retained accuracy after adding back the last one forgotten",
        "moved_by_add": "largest change of other classes' scores by adding back",
    },
    margins={"ra_added_back": 0.10},
    unjudged=frozenset({"prior_mean", "moved_by_add"}),
)

Curves = Sequence[Sequence[float | None]]
"""One curve for each order, from all live classes to one; None without anything to measure."""

NAMES = ("ra", "false_accept", "prior")
ORDERS = {"quick": 1, "standard": 3, "full": 3}
ROWS = {"quick": 100, "standard": 500, "full": 500}
PER_CLASS = 60
"""The most inputs of a class for adding a class back, if adding trains."""


def run(model: PreForgettableClassifier, parts: Parts[Split], effort: Effort, seed: int) -> Finding:
    """Forget all live classes but one in seeded orders, on copies in memory; the model stays as it is.

    Every step scores about `ROWS` test inputs once, forgotten and retained. Adding back trains in most engines: there
    it is left to the first order of the standard suite, with at most `PER_CLASS` inputs a class.
    Raises `DataError` for fewer than two live classes or one without test input, `UsageError` for a model with several
    labels per input.
    """
    if model.engine_.multilabel:
        raise UsageError("sequences of forgetting need a model with one label per input")
    labels = model.labels
    if len(labels) < 2:
        raise DataError(f"the model answers {len(labels)} classes; a sequence of forgetting needs two")
    rows = mixed_rows(parts, min(ROWS[effort.suite], effort.rows), seed)
    lacking = sorted(set(labels) - {label for split in rows for label in split.labels})
    if lacking:
        raise DataError(f"the test parts hold no input of {lacking[0]!r}, which the model knows; add some")
    scored, added = [], []
    for number in range(ORDERS[effort.suite]):
        copy = model.copy()
        order = forgetting_order(labels, seed, number)
        steps = [_step(copy, rows)]
        for label in order[:-1]:
            copy.forget(label)
            steps.append(_step(copy, rows))
        scored.append(steps)
        cheap = not copy.engine_.needs_others
        if cheap or (effort.at_least("standard") and number == 0):
            added += _add_back(copy, order[-2], parts, rows, cheap, seed)
    curves = {name: [[step.get(name) for step in steps] for steps in scored] for name in NAMES}
    values = summary(**curves)
    if added:
        values["ra_added_back"] = float(np.mean([right for right, _ in added]))
        values["moved_by_add"] = max(moved for _, moved in added)
    figures = {
        name: [[None if value is None else round(value, 4) for value in curve] for curve in values_of]
        for name, values_of in curves.items()
    }
    return Finding(values, {"live": list(range(len(labels), 0, -1)), **figures})


@register_attack(ABOUT, weight=3)
def attack_scene(scene: Scene) -> Finding | None:
    """Forget one class after the other of a model of this package that has two or more; None of others."""
    if not isinstance(scene.model, PreForgettableClassifier) or len(scene.model.engine_.bank) < 2:
        return None
    return run(scene.model, scene.splits, scene.effort, scene.seed)


def forgetting_order(labels: Sequence[str], seed: int, number: int) -> list[str]:
    """Return the labels in a seeded order; the order of two labels doesn't depend on the others."""
    return sorted(labels, key=lambda label: (derive_seed(seed, "sequence", number, label), label))


def mixed_rows(parts: Parts[Split], most: int, seed: int) -> list[Split]:
    """Return about `most` test inputs of both parts, classes in their natural mix and each at least once, seeded."""
    tests = parts.forget_test, parts.retain_test
    share = min(1.0, most / max(1, sum(map(len, tests))))
    return [_some(split, lambda count: max(1, round(share * count)), seed) for split in tests if len(split)]


def score_step(truth: Labels, best: Labels, answers: Labels, live: Sequence[str]) -> dict[str, float]:
    """Return retained accuracy `ra`, `prior` and `false_accept` of one step on a mixed stream of `n` inputs.

    `best [n]`: the live class with the highest score; `answers [n]`: labels or `ABSTAIN`. Of inputs whose
    true class is live, `ra` is the share where `best` is right and `prior` the share of the most frequent class; of the
    others, `false_accept` is the share that is answered; it is missing if there are none.
    """
    retained = np.isin(truth.astype(str), list(live))
    known = truth[retained]
    counts = [int((known == label).sum()) for label in live]
    values = {"ra": float((best[retained] == known).mean()), "prior": max(counts) / len(known)}
    if not retained.all():
        values["false_accept"] = float(np.mean([answer is not ABSTAIN for answer in answers[~retained]]))
    return values


def summary(ra: Curves, false_accept: Curves, prior: Curves) -> dict[str, float]:
    """Return the values of curves `[orders][C]`; the first point of each is before any forgetting and has no part.

    `worst_drop` is the largest of `ra_{k-1} - ra_k` over steps and orders, negative if accuracy rose in every step;
    half is the step after which `ceil(C / 2)` classes live.
    """
    right, base, accepted = (np.array(curve, dtype=np.float64) for curve in (ra, prior, false_accept))
    return {
        "ra_mean": float(right[:, 1:].mean()),
        "ra_half": float(right[:, right.shape[1] // 2].mean()),
        "worst_drop": float((right[:, :-1] - right[:, 1:]).max()),
        "false_accept_mean": float(accepted[:, 1:].mean()),
        "prior_mean": float(base[:, 1:].mean()),
    }


def _step(model: PreForgettableClassifier, rows: Sequence[Split]) -> dict[str, float]:
    engine = model.engine_
    live = engine.bank.attached
    best, answers = [], []
    for split in rows:
        scores, confidence = engine.evaluate(split.inputs, live)
        best.append(np.array(live, dtype=object)[scores.argmax(axis=1)])
        answers.append(engine.answers(scores, confidence, live, model.keep_))
    truth = np.concatenate([split.labels for split in rows])
    return score_step(truth, np.concatenate(best), np.concatenate(answers), live)


def _add_back(
    model: PreForgettableClassifier,
    label: str,
    parts: Parts[Split],
    rows: Sequence[Split],
    cheap: bool,
    seed: int,
) -> list[tuple[float, float]]:
    """Return retained accuracy after adding a class, and by how much others' scores moved; nothing without data."""
    live = model.labels
    part = parts.retain_train if label in set(parts.retain_train.labels) else parts.forget_train
    data = part.only([label, *live])
    if not cheap:
        data = _some(data, lambda count: min(PER_CLASS, count), seed)
    counts = [int((data.labels == name).sum()) for name in (label, *live)]
    if counts[0] < 2 or (not cheap and min(counts) < 2):
        return []
    before = [model.engine_.scores(split.inputs, live) for split in rows]
    model.add(label, data)
    after = [model.engine_.scores(split.inputs) for split in rows]
    columns = [model.engine_.bank.attached.index(name) for name in live]
    moved = max(float(np.abs(new[:, columns] - old).max()) for old, new in zip(before, after, strict=True))
    return [(_step(model, rows)["ra"], moved)]


def _some(split: Split, most: Callable[[int], int], seed: int) -> Split:
    """Return `most(count)` of the `count` inputs of each class, in their order."""
    kept: list[int] = []
    for label in sorted(set(split.labels)):
        positions = np.flatnonzero(split.labels == label)
        rng = np.random.default_rng(derive_seed(seed, "sequence", "rows", label))
        kept += rng.permutation(positions)[: most(len(positions))].tolist()
    return split.select(sorted(kept))
