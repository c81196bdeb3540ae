"""How good a classifier is on labelled inputs, from one pass over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from preforget.classifier import evaluation_page, evaluation_plot
from preforget.classifier.answering import Answering
from preforget.classifier.labels import as_text
from preforget.classifier.measured import Measured, facts
from preforget.classifier.turns import reads
from preforget.core.abstain import ABSTAIN
from preforget.core.seeds import derive_seed
from preforget.data import Split, as_split
from preforget.data.multilabel import marks
from preforget.engines.base import Engine, Scores
from preforget.metrics.conditions import mean_average_precision, per_condition
from preforget.training.progress import track

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Evaluation(Measured):
    """What `evaluate` has measured, see `Measured`; as plain values, as a page, and as a figure."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, without the curves."""
        values = asdict(self)
        del values["curves"]
        return {**values, "unknown_abstained": self.unknown_abstained}

    def to_html(self, title: str = "Evaluation") -> str:
        """Return one page with tables and pictures, which needs no network and no script.

        Args:
            title: Stands at the top.
        """
        return evaluation_page.page(self, title)

    def plot(self) -> Figure:
        """Return a matplotlib figure: reliability, risk by coverage, confusion matrix.

        Raises:
            UsageError: matplotlib isn't installed, or there was nothing to measure.
        """
        return evaluation_plot.plot(self)


Scored: TypeAlias = Callable[[Split, list[str]], tuple[Scores, Scores]]
"""Returns scores and confidence of inputs, for classes by name."""

BATCHES = 4
"""How many batches are answered between two steps of the progress that is shown."""


class Evaluating(Answering):
    """The part of the classifier that measures how good it is."""

    @reads
    def evaluate(self, X: Any, y: Any = None, *, progress: bool = False) -> Evaluation:
        """Return how good the model is on labelled inputs.

        Classes in the data that the model doesn't know, forgotten or never learned, or that are detached, are reported
        by themselves: as what it should abstain on.

        Args:
            X: `n` inputs of the kind that was learned from, or a `Split` with its labels.
            y: `n` labels, as in `fit`.
            progress: Show progress on stderr.

        Returns:
            Accuracy, abstention and calibration, over all and by class.

        Raises:
            DataError: Inputs or labels can't be used.
            NotFittedError: Nothing was learned yet.

        Example:
            >>> model.evaluate(X, y).accuracy
            1.0
        """
        return self._evaluated(X, y, lambda split, names: self._scored(split, names, progress))

    def _evaluated(self, X: Any, y: Any, scored: Scored) -> Evaluation:
        """Return the measures of inputs whose scores and confidence `scored` gives, for the attached classes."""
        engine, keep = self._fitted(), self.keep_
        if isinstance(X, Split) and not len(X):
            return Evaluation(0, None, None, keep=keep)
        split = as_split(X, y if y is None else as_text(y), kind=engine.encoder.kind)
        names = engine.bank.attached
        if not names:
            return Evaluation(len(split), None if engine.multilabel else 0.0, 1.0, keep=keep)
        scores, confidence = scored(split, names)
        answers = engine.answers(scores, confidence, names, keep)
        if engine.multilabel:
            abstained = sum(answer is ABSTAIN for answer in answers) / len(split)
            conditions = per_condition(names, engine.probabilities(scores), marks(split.labels, names))
            mean = mean_average_precision(conditions)
            return Evaluation(len(split), None, abstained, mean, tuple(conditions), keep=keep)
        shares = engine.class_probabilities(scores, names)
        generator = np.random.default_rng(derive_seed(engine.config.seed, "evaluate"))
        measured = facts(split.labels, names, scores, shares, confidence, answers, generator)
        return Evaluation(len(split), keep=keep, **measured)

    def _scored(self, split: Split, names: list[str], show: bool) -> tuple[Scores, Scores]:
        """Return scores and confidence of a split, in parts of whole batches, so that they are those of one pass."""
        engine = self._fitted()
        step, starts = parts_of(engine, len(split))
        parts = []
        many = show and len(split) > step
        for start in track(starts, total=len(split), what="answering", unit="input", show=many, step=step):
            part = split.select(range(start, min(start + step, len(split))))
            parts.append(engine.evaluate(part.inputs, names, int(self.shortlist)))
        scores, confidences = zip(*parts, strict=True)
        return np.concatenate(scores), np.concatenate(confidences)


def parts_of(engine: Engine, inputs: int) -> tuple[int, range]:
    """Return how many inputs are scored between two steps, and where each step starts: after whole batches."""
    step = engine.score_rows * BATCHES
    return step, range(0, inputs, step)
