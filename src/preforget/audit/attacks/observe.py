"""A model's answers to four parts of the data, which every attack may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from preforget.classifier import PreForgettableClassifier
from preforget.core.abstain import ABSTAIN
from preforget.core.errors import DataError, UsageError
from preforget.data import Split
from preforget.data.dataset import Labels
from preforget.metrics.softmax import softmax

Array = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]
T = TypeVar("T")

NOTHING = 1e-6
"""Rounding error of a row's sum; a larger difference to 1 is the probability of "none of them"."""


class Classifier(Protocol):
    """Any model: `scores [n, classes]` of inputs, columns in order of `labels` or `classes_`."""

    def scores(self, X: Any) -> Any:
        """Return one score per input and class, the highest for the most likely class."""


@dataclass(frozen=True)
class Parts(Generic[T]):
    """One value for each part: forgotten and retained data, learned from (`train`) or held out (`test`)."""

    forget_train: T
    forget_test: T
    retain_train: T
    retain_test: T

    def items(self) -> list[tuple[str, T]]:
        """Return names and values."""
        return [(field.name, getattr(self, field.name)) for field in fields(self)]


@dataclass(frozen=True, eq=False)
class Seen:
    """A model's answers to `n` inputs whose true labels are `truth [n]`.

    `labels`: the `C` columns; `scores` and `probabilities [n, C]`, where the difference of a row's sum to 1 is the
    probability of "none of them"; `confidence [n]`: higher if one of `labels` is more likely; `answers [n]`: a label or
    `ABSTAIN`.
    """

    labels: tuple[str, ...]
    truth: Labels
    scores: Array
    probabilities: Array
    confidence: Array
    answers: Labels

    def __len__(self) -> int:
        return len(self.truth)

    def with_abstain(self) -> Array:
        """Return probabilities `float64 [n, C + 1]`; the last column is that of "none of them", rows sum to 1."""
        known = self.probabilities.astype(np.float64)
        rest = 1 - known.sum(axis=1, keepdims=True)
        probabilities = np.concatenate([known, np.where(rest > NOTHING, rest, 0.0)], axis=1)
        shares: Array = probabilities / probabilities.sum(axis=1, keepdims=True)
        return shares

    def best_guesses(self) -> Labels:
        """Return the label with the highest score for each input `[n]`, even if the model would abstain."""
        guesses: Labels = np.array(self.labels, dtype=object)[self.scores.argmax(axis=1)]
        return guesses

    def guessed_right(self) -> npt.NDArray[np.bool_]:
        """Return for each input `[n]` whether the best guess is the true label; False if that has no column."""
        return np.array(self.best_guesses() == self.truth, dtype=np.bool_)

    def abstained(self) -> npt.NDArray[np.bool_]:
        """Return for each input `[n]` whether the answer is "none of the classes"."""
        return np.array([answer is ABSTAIN for answer in self.answers], dtype=np.bool_)

    def true_columns(self) -> npt.NDArray[np.intp]:
        """Return the column in `with_abstain` of each input's true label `[n]`; that of abstain if it is gone."""
        column_of = {label: column for column, label in enumerate(self.labels)}
        return np.array([column_of.get(label, len(column_of)) for label in self.truth], dtype=np.intp)


def observe(model: Classifier, split: Split, labels: Sequence[str] | None = None) -> Seen:
    """Return a model's answers to a split, using only public methods.

    `labels` names the columns of a model that has neither `labels` nor `classes_`. A model that is not ours answers
    with its highest score, is as confident as its softmax says, and never abstains. Raises `DataError` for scores of
    another shape or that aren't finite, `UsageError` if the columns have no names.
    """
    if isinstance(model, PreForgettableClassifier):
        engine = model.engine_
        names = engine.bank.attached
        if not names:
            raise DataError("the model knows no class, so it has no answers")
        scores, confidence = engine.evaluate(split.inputs, names)
        answers = engine.answers(scores, confidence, names, model.keep_)
        probabilities = engine.probabilities(scores)
        return Seen(tuple(names), split.labels, scores, probabilities, confidence, answers)
    columns = labels if labels is not None else getattr(model, "labels", getattr(model, "classes_", None))
    if columns is None:
        raise UsageError("the model has neither labels nor classes_; name its columns with labels=")
    names = [str(label) for label in columns]
    scores = np.asarray(model.scores(split.inputs), dtype=np.float64)
    if scores.shape != (len(split), len(names)) or not np.isfinite(scores).all() or not names:
        raise DataError(
            f"scores of shape {scores.shape} for {len(split)} inputs and {len(names)} classes can't be used; "
            "they must be finite numbers, one row per input and one column per class"
        )
    probabilities = softmax(scores)
    best = np.array(names, dtype=object)[scores.argmax(axis=1)]
    return Seen(tuple(names), split.labels, scores, probabilities, probabilities.max(axis=1), best)
