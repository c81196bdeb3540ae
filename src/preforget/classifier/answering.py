"""Scores, probabilities and answers of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.classifier.state import State
from preforget.core.abstain import ABSTAIN
from preforget.data import as_inputs
from preforget.engines.base import Scores


class Answering(State):
    """The part of the classifier that answers."""

    def scores(self, X: Any) -> Scores:
        """Return `float32 [n, classes]`; in the isolated engine no column depends on another class."""
        return self._fitted().scores(as_inputs(X))

    def predict_proba(self, X: Any) -> Scores:
        """Return `float32 [n, classes]`; what a row lacks to 1 is the probability of "none of them"."""
        return self._fitted().probabilities(self.scores(X))

    def predict(self, X: Any, *, without: Sequence[str] = ()) -> npt.NDArray[np.object_]:
        """Return `[n]` labels, or `ABSTAIN` where the model is less sure than its threshold.

        With several labels per input: `[n]` tuples of those that reach their own threshold, `ABSTAIN` for none.
        `without`: a class or several to leave out of this request alone. Raises `UnknownLabelError` for one it
        doesn't hold.
        """
        answers, _ = self.predict_with_confidence(X, without=without)
        return answers

    def predict_with_confidence(
        self, X: Any, *, without: Sequence[str] = ()
    ) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.float32]]:
        """Return `predict`'s answers and the probability `[n]` of each best class."""
        answers, _, probabilities = self.answer(X, without=without)
        return answers, probabilities.max(axis=1, initial=0.0)

    def answer(
        self, X: Any, *, without: Sequence[str] = ()
    ) -> tuple[npt.NDArray[np.object_], list[str], Scores]:
        """Return `predict`'s answers, the labels that could be answered, and their probabilities `[n, labels]`."""
        engine = self._fitted()
        left_out = {without} if isinstance(without, str) else {str(label) for label in without}
        for label in sorted(left_out - set(engine.bank.labels)):
            raise engine.bank.unknown(label)
        labels = [label for label in engine.bank.attached if label not in left_out]
        inputs = as_inputs(X)
        if not labels:
            none = np.zeros((len(inputs), 0), dtype=np.float32)
            return np.full(len(inputs), ABSTAIN, dtype=object), labels, none
        scores, confidence = engine.evaluate(inputs, labels, self.shortlist)
        answers = engine.answers(scores, confidence, labels, self.keep)
        return answers, labels, engine.probabilities(scores)
