"""One look of a model at labelled images: scores, best guesses and abstentions from a single pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from preforget.classifier import PreForgettableClassifier
from preforget.core.abstain import ABSTAIN
from preforget.data import Labels, Split
from preforget.engines.base import Scores

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Look:
    """True labels `truth [n]`, the possible `classes`, `scores [n, classes]`, `confidence [n]`, the threshold.

    `confidence` is the engine's log-confidence that an image is of one of the classes at all; below `threshold`
    the model abstains.
    """

    truth: Labels
    classes: list[str]
    scores: Scores
    confidence: Scores
    threshold: float

    @property
    def guesses(self) -> Labels:
        """The best class of each image `[n]`, ignoring abstention."""
        guesses: Labels = np.array(self.classes, dtype=object)[self.scores.argmax(axis=1)]
        return guesses

    @property
    def abstained(self) -> Mask:
        """Whether the model abstains on each image, `[n]`."""
        return self.confidence < self.threshold

    @property
    def answers(self) -> Labels:
        """The guesses, with `ABSTAIN` where the model abstains, `[n]`."""
        answers = self.guesses
        answers[self.abstained] = ABSTAIN
        return answers

    def accuracy(self, chosen: Mask | None = None) -> float:
        """Return the share of right best guesses among the chosen images, all by default."""
        right: Mask = self.guesses == self.truth
        return float((right if chosen is None else right[chosen]).mean())


def look(model: PreForgettableClassifier, images: Split) -> Look:
    """Score the images with all attached classes, of which there must be at least one."""
    scores, confidence = model.engine_.evaluate(images.inputs)
    threshold = model.engine_.threshold(model.keep_)
    return Look(images.labels, model.engine_.bank.attached, scores, confidence, threshold)
