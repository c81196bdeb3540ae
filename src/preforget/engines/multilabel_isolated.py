"""The isolated engine for several labels per input: a record per condition, an independent sigmoid each.

The path of a condition beside the frozen one is that of `isolated`. Its loss is binary cross-entropy: inputs with
the condition against inputs without. No record's loss has another's score in it, so learning a condition
alone gives what learning it among others gives, to rounding; forgetting one leaves all others bit-identical.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.core.guarantee import Guarantee
from preforget.data.dataset import Labels, Split, names_of
from preforget.data.multilabel import marks
from preforget.engines.base import Engine, Scores, Session
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.registry import ENGINES
from preforget.engines.thresholds import best_threshold, names_above
from preforget.records import ClassRecord
from preforget.white_box.surface import Files


@ENGINES.register("isolated-multilabel", aliases=("isolated-several",))
class MultilabelIsolatedEngine(IsolatedEngine):
    """Independent scores, the log-odds of each condition; nothing shared is trained."""

    guarantee: ClassVar[Guarantee] = Guarantee.PARAMETRIC
    meaning: ClassVar[str] = (
        "Every parameter that was learned for the condition is deleted, nothing shared was trained, and the scores "
        "of all other conditions stay bit-identical; inputs with the condition were learned for the others too."
    )
    not_claimed: ClassVar[tuple[str, ...]] = (
        "The records of other conditions were learned from the same inputs, with the erased condition or without; "
        "what they learned from them stays.",
    )
    multilabel_of: ClassVar[str | None] = "isolated"
    leaves_share_to_abstain: ClassVar[bool] = False

    @property
    def needs_others(self) -> bool:
        """A condition is learned against the inputs without it; other conditions have no part in that."""
        return False

    def record_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name and shape of every tensor of a record: what is learned, and the threshold."""
        return {**self.learned_shapes(), "threshold": (), "count": ()}

    def learn(self, train: Split, validation: Split, session: Session) -> None:
        """Learn a record for every condition of `train`."""
        labels = names_of(train.labels)
        self._learn(labels, labels, train, None, session)
        self.calibrate(labels, validation)

    def _learn_beside(
        self,
        new: Sequence[str],
        train: Split,
        session: Session,
        former: Mapping[str, ClassRecord] | None = None,
    ) -> None:
        """Learn the records of more conditions, from inputs with them and inputs without them."""
        self._learn([*new], [*new], train, None, session, former)

    def hold_scores(self, new: Sequence[str], validation: Split) -> None:
        """Set the thresholds of `new`; nothing else is kept of validation inputs."""
        self.calibrate(new, validation)

    def recalibrate(self, validation: Split) -> None:
        """Do nothing: thresholds are parts of the records."""

    def surface(self) -> Files:
        """Raise `UsageError`: attacks on open weights need one label per input."""
        return Engine.surface(self)

    def targets(self, train: Split, columns: Sequence[str]) -> Tensor:
        """Return `float32 [n, columns]`: 1 where an input has a condition."""
        return torch.from_numpy(marks(train.labels, columns)).float()

    def loss(self, scores: Tensor, cheap: Tensor | None, target: Tensor) -> Tensor:
        """Return binary cross-entropy summed over conditions, so that their number doesn't change the weight of one."""
        total = F.binary_cross_entropy_with_logits(scores, target, reduction="none")
        if cheap is not None:
            total = total + F.binary_cross_entropy_with_logits(cheap, target, reduction="none")
        return total.sum(dim=1).mean()

    def calibrate(self, labels: Sequence[str], validation: Split) -> None:
        """Write into each record of `labels` the threshold that separates its validation inputs best."""
        scores = self.scores(validation.inputs, labels)
        held = marks(validation.labels, labels)
        for column, label in enumerate(labels):
            of_label, record = scores[:, column], self.bank[label]
            with torch.no_grad():
                record.tensors["threshold"].fill_(best_threshold(of_label[held[:, column]], of_label))
                record.tensors["count"].fill_(int(held[:, column].sum()))

    def log_confidence(self, scores: Scores) -> Scores:
        """Return the highest log-odds `[n]`."""
        return np.asarray(scores.max(axis=1, initial=-np.inf))

    def probabilities(self, scores: Scores) -> Scores:
        """Return an independent sigmoid of each score."""
        return sigmoid(scores)

    def threshold(self, keep: float, labels: Sequence[str] | None = None) -> float:
        """Return minus infinity: there is no abstaining as a whole, each condition has its own threshold."""
        return float("-inf")

    def answers(self, scores: Scores, confidence: Scores, labels: Sequence[str], keep: float) -> Labels:
        """Return a tuple of those of `labels` that reach their own threshold for each input, `ABSTAIN` for none."""
        return names_above(scores, self.thresholds(labels), labels)

    def thresholds(self, labels: Sequence[str]) -> Scores:
        """Return the lowest score at which each condition is answered, `[conditions]`."""
        return np.array([float(self.bank[label].tensors["threshold"]) for label in labels], dtype=np.float32)


def sigmoid(scores: Scores) -> Scores:
    """Return `1 / (1 + exp(-s))`, without overflow.

    >>> sigmoid(np.array([0.0, -1000.0])).tolist()
    [0.5, 0.0]
    """
    shares: Scores = np.exp(-np.logaddexp(np.zeros((), scores.dtype), -scores))
    return shares
