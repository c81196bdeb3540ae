"""The exact engine for several labels per input: one discriminant per condition, from inputs with and without it.

What is kept is sums of whole numbers: of every input, and of the inputs with each condition. The sums without a
condition are the difference, which is exact. So a condition's score is a function of its own sums and those of every
input: forgetting another condition leaves it bit-identical, as if that column of labels had never existed.
Forgetting a subject takes its inputs out of every sum: the bits of a model that never saw them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from preforget.backbones.encoder import Encoder
from preforget.core.errors import DataError, UsageError
from preforget.core.guarantee import Guarantee
from preforget.data.dataset import Images, Labels, Split, label_array, names_of
from preforget.data.multilabel import marks
from preforget.engines import discriminant, features
from preforget.engines.base import Engine, Scores, Session
from preforget.engines.exact import DIFFERENCE, SAME_MACHINE
from preforget.engines.multilabel_isolated import sigmoid
from preforget.engines.options import EngineOptions, Exact
from preforget.engines.registry import ENGINES
from preforget.engines.thresholds import best_threshold, names_above
from preforget.records import ClassRecord
from preforget.records.condition_bank import EVERYONE, ConditionBank
from preforget.records.record import relabelled
from preforget.records.units import make_unit, unit_count
from preforget.training.progress import counting

HELD_OUT_ROWS = 1024
"""The most inputs of a subject, or of all where subjects aren't known, that set thresholds."""


@dataclass(frozen=True)
class _Head:
    """Row `[F]`, bias and threshold of one condition, in float64."""

    row: Tensor
    bias: float
    threshold: float


@ENGINES.register("exact-multilabel", aliases=("exact-several",))
class MultilabelExactEngine(Engine):
    """Answers each condition by itself, from sums over inputs with it and over all inputs."""

    guarantee: ClassVar[Guarantee] = Guarantee.EXACT
    meaning: ClassVar[str] = (
        "What is left equals, bit for bit, a model that was never given the forgotten condition as a label, or the "
        "forgotten subject's inputs; inputs with a forgotten condition stay for the other conditions."
    )
    not_claimed: ClassVar[tuple[str, ...]] = (
        SAME_MACHINE,
        DIFFERENCE,
        "Where a condition was erased, the inputs that showed it stay in the sums over all inputs and in those of "
        "their other conditions.",
    )
    options_type: ClassVar[type[EngineOptions]] = Exact
    knows_subjects: ClassVar[bool] = True
    multilabel_of: ClassVar[str | None] = "exact"
    config: Exact

    def __init__(self, encoder: Encoder, config: Exact) -> None:
        super().__init__(encoder, config)
        if config.pair_prompts:
            raise UsageError(
                "pair_prompts tell two classes apart; with several labels per input there are no pairs"
            )
        if config.views:
            raise UsageError("with several labels per input each input is read once; leave views out")
        features.check_levels(encoder, config.levels)
        self._bank = ConditionBank(features.feature_count(encoder, config.levels))
        self._heads: dict[str, _Head] = {}

    @property
    def bank(self) -> ConditionBank:
        """Units of conditions and of every input."""
        return self._bank

    @classmethod
    def bank_of(cls, records: Sequence[ClassRecord]) -> ConditionBank:
        """Return units as a bank; raises `UsageError` if they don't belong together."""
        return ConditionBank.of(records)

    @property
    def needs_others(self) -> bool:
        """A condition is compared with all inputs without it, whatever they show."""
        return False

    def learn(self, train: Split, validation: Split, session: Session) -> None:
        """Sum up every input, and those with each condition, in one pass."""
        conditions = names_of(train.labels)
        rows = marks(train.labels, conditions)
        lacking = [c for column, c in enumerate(conditions) if not rows[:, column].any()]
        if lacking:
            raise DataError(
                f"no input to learn from has condition {lacking[0]!r}; leave it out or give more inputs"
            )
        self._take_in(train, validation, conditions, session)

    def _take_in(self, train: Split, validation: Split, conditions: Sequence[str], session: Session) -> None:
        """Insert the sums of every subject's inputs, in all and with each condition."""
        learned, held_out = marks(train.labels, conditions), marks(validation.labels, conditions)
        subjects = [(s.subjects if s.subjects is not None else [None] * len(s)) for s in (train, validation)]
        owners = [
            np.array(["" if name is None else name for name in names], dtype=object) for names in subjects
        ]
        names = sorted({*subjects[0], *subjects[1]}, key=lambda name: (name is not None, name or ""))
        made: list[ClassRecord] = []
        total = len(train) + len(validation)
        with counting(total=total, what="reading", unit="input", show=session.show) as count:
            for name in names:
                rows = np.flatnonzero(owners[0] == (name or ""))
                rows_out = np.flatnonzero(owners[1] == (name or ""))[:HELD_OUT_ROWS]
                summed = self._features(train.select(rows))
                held = self._features(validation.select(rows_out))
                count(len(rows) + len(rows_out))
                made.append(make_unit(EVERYONE, name, [summed], held))
                for column, condition in enumerate(conditions):
                    has = torch.from_numpy(learned[rows, column])
                    has_out = torch.from_numpy(held_out[rows_out, column])
                    if has.any() or has_out.any():
                        made.append(make_unit(condition, name, [summed[has]], held[has_out]))
        for record in made:
            self.bank.insert(record)
        self._heads.clear()

    def add(self, labels: Sequence[str], train: Split, validation: Split, session: Session) -> None:
        """Refuse: the sums of every input are those of the data that the model was learned from."""
        raise UsageError(
            "with several labels per input the exact engine sums up every input once; to add a condition learn again "
            "with its column, which gives the other conditions the same bits"
        )

    def add_more(self, labels: Sequence[str], train: Split, validation: Split, session: Session) -> None:
        """Refuse: an input counts for every condition, with it or without it, so there is none for some alone."""
        raise UsageError(
            "with several labels per input the exact engine sums up every input for all conditions at once; learn "
            "again with all inputs, or give those of new persons to add_subject()"
        )

    def merge(self, into: str, label: str) -> None:
        """Refuse: sums of two conditions can't say how many inputs have both."""
        raise UsageError(
            "with several labels per input two conditions can't be made one: an input with both is in the sums of "
            "each and would count twice, and the sums don't say which inputs these are; learn again with one column"
        )

    @classmethod
    def renamed(cls, records: Sequence[ClassRecord], old: str, new: str) -> list[ClassRecord]:
        """Return the units with a condition named anew; those of every input name none."""
        return [relabelled(record, old, new) for record in records]

    def add_subject(self, train: Split, validation: Split, session: Session) -> None:
        """Take in the inputs of more subjects; raises `UsageError` for one that the model knows already."""
        known = {unit.subject for unit in self.bank.everyone()}
        taken = known & {subject for _, subject in (*train.units, *validation.units)}
        if taken:
            raise UsageError(
                f"the model already has inputs of {len(taken)} of these subjects; "
                "forget the subject first, then add all of its inputs"
            )
        self._take_in(train, validation, self.bank.labels, session)

    def evaluate(
        self, inputs: Images, labels: Sequence[str] | None = None, shortlist: int = 0
    ) -> tuple[Scores, Scores]:
        """Return log-odds `float32 [n, conditions]`, each by a product of its own, and the highest of each input."""
        names = self.bank.attached if labels is None else list(labels)
        if 0 < shortlist < len(names):
            raise UsageError(f"the {self.name} engine scores all conditions at once; it has no shortlist")
        heads = [self._head(name) for name in names]
        scores = np.zeros((len(inputs), len(names)), dtype=np.float32)
        for start, pixels in self.pixel_batches(inputs):
            read = features.features(self.encoder, pixels, self.config.levels).double()
            for column, head in enumerate(heads):
                scores[start : start + len(read), column] = (read @ head.row + head.bias).float().numpy()
        return scores, scores.max(axis=1, initial=-np.inf)

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
        return np.array([self._head(label).threshold for label in labels], dtype=np.float32)

    def records(self) -> list[ClassRecord]:
        """Return all units, sorted."""
        return self.bank.records()

    @classmethod
    def inputs_in(cls, record: ClassRecord) -> int | None:
        """Return how many inputs a unit sums up; a pair is derived from units."""
        return None if record.partner is not None else unit_count(record)

    def forget(self, label: str) -> None:
        """Destroy the sums of a condition in memory; every input stays for the others."""
        self.bank.erase(label)
        self._drop([label])

    def forget_subject(self, subject: str) -> None:
        """Take a subject's inputs out of every sum in memory."""
        self.bank.erase_subject(subject)
        self._drop(list(self._heads))

    def retained(self, split: Split) -> Split:
        """Return the inputs of subjects that the model knows, with the conditions that it knows as their labels."""
        known = {unit.subject for unit in self.bank.everyone()}
        kept = split.select([row for row, (_, subject) in enumerate(split.units) if subject in known])
        conditions = set(self.bank.labels)
        return replace(
            kept, labels=label_array([tuple(n for n in names if n in conditions) for names in kept.labels])
        )

    def restore(self, records: Sequence[ClassRecord], shared: dict[str, Tensor]) -> None:
        """Fill an empty engine from records."""
        if shared:
            raise UsageError(
                f"shared tensors {sorted(shared)} don't fit the {self.name} engine, which has none"
            )
        for record in records:
            if record.partner is not None:
                raise UsageError(f"record {record.id} is not one of the {self.name} engine")
            self.bank.insert(record)

    def clear(self) -> None:
        """Destroy in memory all that was learned."""
        self.bank.erase_records(self.bank.records())
        self._drop(list(self._heads))

    def _features(self, images: Split) -> Tensor:
        none = torch.empty(0, self.bank.features, dtype=torch.int16)
        return torch.cat([none, *features.unit_features(self.encoder, images, self.config.levels)])

    def _head(self, label: str) -> _Head:
        """Return the head of one condition, derived from its sums and those of every input."""
        if label not in self._heads:
            with_it = self.bank.moments(label)
            without = self.bank.all_moments() - with_it
            row, bias = torch.zeros(self.bank.features, dtype=torch.float64), 0.0
            if with_it.count and without.count:
                row, offset = discriminant.pair(with_it, without, self.config.shrinkage)
                bias = float(offset)
            bias += log((with_it.count + 0.5) / (without.count + 0.5))
            positive, every = (
                (held.double() @ row + bias).float().numpy()
                for held in (self.bank.held_out(label), self.bank.all_held_out())
            )
            self._heads[label] = _Head(row, bias, best_threshold(positive, every))
        return self._heads[label]

    def _drop(self, labels: Sequence[str]) -> None:
        for label in labels:
            if label in self._heads:
                self._heads.pop(label).row.zero_()
