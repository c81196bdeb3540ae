"""Retrain a model without the forgotten data and compare it bit by bit with the model that forgot them."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from preforget.backbones.pinned import pinned
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import DataError, NotFittedError
from preforget.core.guarantee import Guarantee
from preforget.data import Split
from preforget.data.dataset import names_of
from preforget.engines.base import Engine, Session


@dataclass(frozen=True)
class Certificate:
    """How a model compares with one retrained from the retained data alone.

    `records`, `records_equal`: how many records the retrained model has, and how many of them the model has with the
    same digest of names and tensors; `records_extra`: records of the model that the retrained one lacks;
    `score_difference`, `confidence_difference`, `threshold_difference`: the largest absolute ones over `images`
    inputs; `prompts_missing`: pair prompts that the retrained model has and the model lacks, which `refit` learns.
    """

    equal: bool
    records: int
    records_equal: int
    records_extra: int
    score_difference: float
    confidence_difference: float
    threshold_difference: float
    images: int
    prompts_missing: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@pinned
def certify(
    model: PreForgettableClassifier, train: Split, validation: Split, *, progress: bool = False
) -> Certificate:
    """Retrain `model` from `train` and `validation` and compare bit by bit.

    Equal means: the same records, and the same bits in every score, confidence and threshold. It holds on the same
    machine, with the same libraries and number of threads.

    Args:
        model: The model after forgetting.
        train: The data that it was learned from, in the same order; classes and subjects that it no longer knows are
            left out.
        validation: The data that were held out then; the retrained model scores these inputs beside `model`.
        progress: Whether to show progress on stderr.

    Returns:
        Whether the two are equal, how many records are, and the largest differences.

    Raises:
        DataError: The data lack a class that the model knows.
        NotFittedError: The model knows no class.

    Example:
        >>> import numpy as np
        >>> import preforget as pf
        >>> from preforget.data import Split, Vectors
        >>> X = np.random.default_rng(0).normal(size=(180, 4)) + np.repeat([[0.0], [4.0], [8.0]], 60, axis=0)
        >>> y = np.repeat(["Ada", "Grace", "Mary"], 60)
        >>> train, held_out = (Split(Vectors(X[first::2]), y[first::2]) for first in range(2))
        >>> model = pf.PreForgettableClassifier("features", "exact").fit(train, validation=held_out)
        >>> model.forget("Grace").classes_left
        2
        >>> pf.certify(model, train, held_out).equal
        True
    """
    engine = model.engine_
    labels = engine.bank.labels
    if not labels:
        raise NotFittedError("the model knows no class, so there is nothing to retrain")
    train, validation = (_known(engine, split) for split in (train, validation))
    lacking = sorted(set(labels) - set(names_of(train.labels)))
    if lacking:
        raise DataError(
            f"the data hold no input of class {lacking[0]!r}, which the model knows; "
            "give the data that it was learned from"
        )
    other = _retrained(model, train, validation, progress)
    for label in labels:
        if engine.bank.is_detached(label):
            other.bank.detach(label)
    given, retrained = (Counter(r.digest() for r in e.records()) for e in (engine, other))
    common = (given & retrained).total()
    scores, confidence = engine.evaluate(validation.inputs)
    other_scores, other_confidence = other.evaluate(validation.inputs)
    differences = (
        _largest(scores, other_scores),
        _largest(confidence, other_confidence),
        _largest(*(_thresholds(e, labels, model.keep_) for e in (engine, other))),
    )
    return Certificate(
        equal=given == retrained and not any(differences),
        records=retrained.total(),
        records_equal=common,
        records_extra=given.total() - common,
        score_difference=differences[0],
        confidence_difference=differences[1],
        threshold_difference=differences[2],
        images=len(validation),
        prompts_missing=max(0, other.prompted - engine.prompted),
    )


def _retrained(model: PreForgettableClassifier, train: Split, validation: Split, progress: bool) -> Engine:
    """Return an engine of the same kind that learned from these data alone.

    One that promises equality learns whatever a forgetting can leave: a single class, a single image of a class, or
    none held out, which `fit` refuses in new data. The others need what `fit` asks for.
    """
    engine = model.engine_
    if engine.guarantee is not Guarantee.EXACT:
        other = model.untrained()
        other.fit(train, validation=validation, keep_similar_names=True, progress=progress)
        return other.engine_
    if train.subjects is None:
        validation = replace(validation, subjects=None)
    again = type(engine)(engine.encoder, engine.config)
    again.learn(train, validation, Session(show=progress))
    return again


def _known(engine: Engine, split: Split) -> Split:
    """Return the inputs of classes and subjects that the model knows."""
    return engine.retained(split if engine.multilabel else split.only(engine.bank.labels))


def _thresholds(engine: Engine, labels: list[str], keep: float) -> Any:
    """Return the limit of confidence of each answer, or the threshold of each condition, `[labels]`."""
    if engine.multilabel:
        return engine.thresholds(labels)
    return engine.limits(np.eye(len(labels), dtype=np.float32), labels, keep)


def _largest(values: Any, reference: Any) -> float:
    """Return the largest absolute difference; equal infinities don't differ."""
    same = values == reference
    return float(np.where(same, 0.0, np.abs(np.where(same, 0.0, values - reference))).max(initial=0.0))
