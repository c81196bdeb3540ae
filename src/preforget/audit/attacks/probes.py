"""Fresh heads on a model's features: do they tell the forgotten class apart better than features that never saw it?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from preforget.audit.attacks.attack import About, Effort, Finding
from preforget.audit.attacks.observe import Array, Parts
from preforget.audit.attacks.registry import register_attack
from preforget.audit.attacks.scene import ROLES, Scene
from preforget.core.errors import DataError
from preforget.core.seeds import derive_seed
from preforget.data import Split
from preforget.data.dataset import Labels
from preforget.white_box.surface import Features, Surface

ABOUT = About(
    name="probes",
    title="Fresh heads on the features",
    asks="Does a new head, learned from features of all training data, tell the forgotten class apart? High values are "
    "expected of any pretrained backbone: only the gap to the retrained model and to the untouched backbone means "
    "anything.",
    source="linear probe: Alain and Bengio, arXiv 1610.01644; as a test of unlearning: CMF, ESC and Mirage; nearest "
    "class mean: Mensink et al., PAMI 2013, section 3",
    margin=0.05,
    titles={
        "linear_last": "forget accuracy, linear probe, last block",
        "linear_best": "forget accuracy, linear probe, best block",
        "nearest_mean_last": "forget accuracy, nearest class mean, last block",
        "head_refit": "accuracy on the mixed stream, head refit on the last block",
        "retained_last": "retained accuracy, linear probe, last block",
        "untouched_last": "untouched backbone, last block: forget accuracy, linear probe",
    },
    unjudged=frozenset({"retained_last", "untouched_last"}),
)

PER_CLASS = 100
"""The most training inputs of a class from which a head is learned."""


def attack(
    surface: Surface,
    parts: Parts[Split],
    effort: Effort,
    seed: int,
    *,
    untouched: Parts[Features] | None = None,
) -> Finding:
    """Probe every block, or three of them in the quick suite.

    `untouched`: features of the frozen backbone to compare with: `features_of` its surface and of `sampled` with the
    same parts, effort and seed. The best block is the one with the highest value on these test inputs: an optimistic
    choice, and the same for every model. Raises `DataError` for parts that are empty or hold one class.
    """
    data = sampled(parts, effort, seed)
    features = features_of(surface, data)
    blocks = chosen_blocks(len(features.forget_test), effort)
    linear, nearest, right = _by_block(features, data, blocks)
    forgotten = len(data.forget_test)
    values = {
        "linear_last": linear[-1],
        "linear_best": max(linear),
        "nearest_mean_last": nearest[-1],
        "head_refit": float(right.mean()),
        "retained_last": float(right[forgotten:].mean()),
    }
    figures: dict[str, Any] = {
        "block": [block + 1 for block in blocks],
        "linear": _rounded(linear),
        "nearest_mean": _rounded(nearest),
    }
    if untouched is not None:
        bare, bare_nearest, _ = _by_block(untouched, data, blocks)
        values["untouched_last"] = bare[-1]
        figures |= {"untouched_linear": _rounded(bare), "untouched_nearest_mean": _rounded(bare_nearest)}
    return Finding(values, figures)


@register_attack(ABOUT, roles=ROLES, weight=2, open_weights=True)
def attack_scene(scene: Scene) -> Finding:
    """Probe the features of any model."""
    return attack(scene.surface, scene.splits, scene.effort, scene.seed)


def linear_probe(train: Array, labels: Labels, test: Array, *, strength: float = 1.0) -> Labels:
    """Return the answers `[m]` of multinomial logistic regression for `test [m, D]`.

    Features are standardised by mean and deviation of `train [n, D]`; `strength` is that of the L2 penalty:

        min_W,b  sum_i -log softmax(W x_i + b)_{y_i}  +  strength / 2 |W|^2

    Nothing is drawn at random. Raises `DataError` for fewer than two classes.
    """
    if len(set(labels)) < 2:
        raise DataError("a probe needs training inputs of at least two classes; give all data of the model")
    scaler = StandardScaler().fit(train.astype(np.float64))
    head = LogisticRegression(C=1 / strength, max_iter=5000)
    head.fit(scaler.transform(train.astype(np.float64)), labels)
    predicted: Labels = head.predict(scaler.transform(test.astype(np.float64))).astype(object)
    return predicted


def nearest_mean(train: Array, labels: Labels, test: Array) -> Labels:
    """Return for each of `test [m, D]` the class whose mean of `train [n, D]` is nearest; ties go by name.

    Plain Euclidean distance: scaling would need statistics of all classes. `answer = argmin_c |x - mean_c|^2`.
    """
    names = sorted(set(labels))
    if not names:
        raise DataError("there is no training input to take a mean of")
    means = np.stack([train[labels == name].astype(np.float64).mean(axis=0) for name in names])
    wide = test.astype(np.float64)
    # |x|^2 is the same for all classes and left out
    distances = (means**2).sum(axis=1) - 2 * wide @ means.T
    predicted: Labels = np.array(names, dtype=object)[distances.argmin(axis=1)]
    return predicted


def sampled(parts: Parts[Split], effort: Effort, seed: int) -> Parts[Split]:
    """Return at most `PER_CLASS` training inputs of each class and `effort.rows` test inputs of each part, seeded."""
    chosen = {}
    for name, part in parts.items():
        if not len(part):
            raise DataError(f"{name} holds no input; probes need all four parts")
        if name.endswith("train"):
            chosen[name] = _per_class(part, seed)
        else:
            chosen[name] = part.select(_drawn(len(part), effort.rows, derive_seed(seed, "probes", name)))
    return Parts(**chosen)


def features_of(surface: Surface, parts: Parts[Split]) -> Parts[Features]:
    """Return the features of all four parts, `[blocks][n, D]` each."""
    return Parts(**{name: surface.features(part.inputs) for name, part in parts.items()})


def chosen_blocks(depth: int, effort: Effort) -> list[int]:
    """Return the blocks to probe: all, or those at one third, two thirds and the end.

    >>> chosen_blocks(12, Effort("quick"))
    [3, 7, 11]
    """
    if effort.at_least("standard"):
        return list(range(depth))
    return sorted({max(0, round(depth * third / 3) - 1) for third in (1, 2, 3)})


def _by_block(
    features: Parts[Features], data: Parts[Split], blocks: Sequence[int]
) -> tuple[list[float], list[float], npt.NDArray[np.bool_]]:
    """Return forget accuracy by block of both heads, and which test inputs the last linear one got right.

    Forgotten test inputs come first.
    """
    for (name, values), (_, part) in zip(features.items(), data.items(), strict=True):
        if {len(block) for block in values} != {len(part)}:
            raise DataError(f"features of {name} must be those of its {len(part)} inputs, see sampled()")
    known = np.concatenate([data.forget_train.labels, data.retain_train.labels])
    truth = np.concatenate([data.forget_test.labels, data.retain_test.labels])
    forgotten = slice(len(data.forget_test))
    linear, nearest = [], []
    for block in blocks:
        train = np.concatenate([features.forget_train[block], features.retain_train[block]])
        test = np.concatenate([features.forget_test[block], features.retain_test[block]])
        right = linear_probe(train, known, test) == truth
        linear.append(float(right[forgotten].mean()))
        nearest.append(float((nearest_mean(train, known, test) == truth)[forgotten].mean()))
    return linear, nearest, right


def _per_class(split: Split, seed: int) -> Split:
    """Return at most `PER_CLASS` inputs of each class; the choice in a class doesn't depend on other classes."""
    kept: list[int] = []
    for label in sorted(set(split.labels)):
        positions = np.flatnonzero(split.labels == label)
        kept += positions[_drawn(len(positions), PER_CLASS, derive_seed(seed, "probes", label))].tolist()
    return split.select(kept)


def _drawn(count: int, most: int, seed: int) -> npt.NDArray[np.intp]:
    """Return up to `most` of `count` positions, ascending."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:most])


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 4) for value in values]
