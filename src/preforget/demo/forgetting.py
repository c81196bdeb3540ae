"""Forget one class of a model and measure what was lost and what stayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from preforget.classifier import PreForgettableClassifier
from preforget.data import Split
from preforget.demo.look import Look, look
from preforget.engines.base import Scores
from preforget.erasure import Erasure
from preforget.metrics.roc import auc


@dataclass(frozen=True, eq=False)
class Forgetting:
    """One class forgotten: its erasure, the look at the test images before and after, and the answers after.

    Accuracies are those of the best guess, ignoring abstention; abstention is counted on its own.
    """

    label: str
    erasure: Erasure
    before: Look
    after: Look
    answered: int
    """How many test images, of any class, are answered with the label after all; `predict` is asked for its own."""

    def figures(self) -> dict[str, Any]:
        """Return all measures as plain values; shares are between 0 and 1, times milliseconds."""
        forgotten = self.before.truth == self.label
        # classes that were forgotten earlier count as neither
        retained = np.isin(self.before.truth.astype(str), self.after.classes)
        return {
            "label": self.label,
            "forget_ms": self.erasure.memory_ms,
            "forget_disk_ms": self.erasure.disk_ms,
            "bytes_removed": self.erasure.bytes_removed,
            "accuracy_retained_before": self.before.accuracy(retained),
            "accuracy_retained_after": self.after.accuracy(retained),
            "retained_scores_identical": same_scores(self.before, self.after),
            "forgotten_answered": self.answered,
            "forgotten_abstained": float(self.after.abstained[forgotten].mean()),
            "retained_abstained": float(self.after.abstained[retained].mean()),
            "auroc": auc(self.after.confidence[retained], self.after.confidence[forgotten]),
        }


def forget_and_measure(
    model: PreForgettableClassifier, label: str, test: Split, before: Look, reason: str
) -> Forgetting:
    """Forget `label`; `before` is a look at the same test images in the same order."""
    erasure = model.forget(label, reason)
    after = look(model, test)
    class_images = test.only(label)
    others = after.answers[test.labels != label]
    answered = int((model.predict(class_images.inputs) == label).sum() + (others == label).sum())
    return Forgetting(label, erasure, before, after, answered)


def same_scores(before: Look, after: Look) -> bool:
    """Tell whether the scores of all shared classes are the same, bit for bit."""
    shared = sorted(set(before.classes) & set(after.classes))
    return _columns(before, shared).tobytes() == _columns(after, shared).tobytes()


def _columns(view: Look, labels: Sequence[str]) -> Scores:
    return np.ascontiguousarray(view.scores[:, [view.classes.index(label) for label in labels]])
