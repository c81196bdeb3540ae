"""How good a classifier is on labelled inputs, from one pass over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from preforget.classifier.answering import Answering
from preforget.classifier.labels import as_text
from preforget.classifier.turns import reads
from preforget.core.abstain import ABSTAIN
from preforget.data import Split, as_split
from preforget.data.multilabel import marks
from preforget.metrics.conditions import ConditionQuality, mean_average_precision, per_condition


@dataclass(frozen=True)
class Quality:
    """How good a model is on `inputs` labelled inputs; None where there is nothing to measure.

    `accuracy`: the share whose best class is right, abstention left aside; `abstained`: the share that doesn't
    reach the threshold, also where `on_unknown` then answers with the best class; for several labels per input,
    `mean_average_precision` and each of the `conditions` stand in place of `accuracy`.
    """

    inputs: int
    accuracy: float | None
    abstained: float | None
    mean_average_precision: float | None = None
    conditions: tuple[ConditionQuality, ...] = ()


class Evaluating(Answering):
    """The part of the classifier that measures how good it is."""

    @reads
    def evaluate(self, X: Any, y: Any = None) -> Quality:
        """Return how good the model is on labelled inputs.

        Args:
            X: `n` inputs of the kind that was learned from, or a `Split` with its labels.
            y: `n` labels, as in `fit`.

        Raises:
            DataError: Inputs or labels can't be used.
            NotFittedError: Nothing was learned yet.
        """
        engine = self._fitted()
        if isinstance(X, Split) and not len(X):
            return Quality(0, None, None)
        split = as_split(X, y if y is None else as_text(y), kind=engine.encoder.kind)
        names = engine.bank.attached
        if not names:
            return Quality(len(split), None if engine.multilabel else 0.0, 1.0)
        scores, confidence = engine.evaluate(split.inputs, names, int(self.shortlist))
        probabilities = engine.probabilities(scores)
        answers = engine.answers(scores, confidence, names, float(self.keep))
        abstained = sum(answer is ABSTAIN for answer in answers) / len(split)
        if engine.multilabel:
            conditions = per_condition(names, probabilities, marks(split.labels, names))
            return Quality(len(split), None, abstained, mean_average_precision(conditions), tuple(conditions))
        best = np.array(names, dtype=object)[scores.argmax(axis=1)]
        return Quality(len(split), float((best == split.labels).mean()), abstained)
