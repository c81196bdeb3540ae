"""The exact engine: closed form from statistics of each class alone, so that what is left equals a retrained model.

A class is its units, see `records.units`: sums of whole numbers, exact in any order. Answers are derived from the
units of the classes that are scored; nothing is scaled, centred, ordered or calibrated by anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor

from preforget.backbones.encoder import Encoder
from preforget.backbones.vectors import VectorEncoder
from preforget.core.errors import UsageError
from preforget.core.guarantee import Guarantee
from preforget.data.dataset import Images, Split
from preforget.engines import features, pair_prompts
from preforget.engines.base import Engine, Scores, Session
from preforget.engines.closed_form_path import frozen_path
from preforget.engines.coverage import ClassCoverage
from preforget.engines.derive import FLOOR_SHARE, MOST_PAIRED, Derived, Rules, missing_pairs
from preforget.engines.heads import Heads
from preforget.engines.judged import Judged
from preforget.engines.judging import as_unknown, judge
from preforget.engines.logistic import sigmoid
from preforget.engines.options import EngineOptions, Exact
from preforget.engines.pair_learning import learn_prompts, work_digest
from preforget.engines.pair_prompts import Recipe
from preforget.engines.pair_records import check_pair, confusion, has_prompt, prompts_among
from preforget.engines.reading import Reading, energy_depth
from preforget.engines.registry import ENGINES
from preforget.engines.renewing import ENERGIES_LACK, check_same_inputs, prompted_pairs
from preforget.engines.summing import HELD_OUT_ROWS, sum_up
from preforget.metrics.softmax import softmax
from preforget.records import ClassRecord, Roster, UnitBank
from preforget.records.joined_units import put_together
from preforget.records.record import relabelled
from preforget.records.unit_bank import Pair
from preforget.records.units import unit_inputs
from preforget.white_box.surface import Files

DIFFERENCE = (
    "Whoever has the model, or its scores, from before and after the erasure can work out what was erased from the "
    "difference, the fewer inputs the more exactly; this holds for every method that equals retraining."
)
"""What no receipt of an exact erasure claims (arXiv 2405.20272)."""

SAME_MACHINE = (
    "That what is left equals retraining holds for the same data in the same order on the same kind of machine "
    "with the same libraries."
)
"""What no receipt of a closed form claims."""

CONFUSED = 0.005
"""A pair gets a prompt if a larger share of its two classes' held-out images is confused."""


@ENGINES.register("exact")
class ExactEngine(Engine):
    """Answers from statistics of the live classes, and from prompts of pairs of them."""

    guarantee: ClassVar[Guarantee] = Guarantee.EXACT
    meaning: ClassVar[str] = (
        "What is left equals, bit for bit, a model that was never given the forgotten data."
    )
    not_claimed: ClassVar[tuple[str, ...]] = (SAME_MACHINE, DIFFERENCE)
    options_type: ClassVar[type[EngineOptions]] = Exact
    knows_subjects: ClassVar[bool] = True
    config: Exact

    def __init__(self, encoder: Encoder, config: Exact) -> None:
        super().__init__(encoder, config)
        if config.first_block is None:
            config = replace(config, first_block=encoder.depth // 3)
            self.config = config
        config.check_first_block(encoder)
        if config.pair_prompts and not encoder.blocks:
            raise UsageError("pair_prompts need the blocks of a transformer; vectors have none")
        if config.energy_depth is None:
            config = replace(config, energy_depth=energy_depth(encoder))
        self._use(config)
        self._judged: dict[tuple[str, ...], Judged] = {}
        self._odds: dict[tuple[str, ...], tuple[float, float] | None] = {}

    def _use(self, config: Exact) -> None:
        """Read and answer as options say, with an empty bank."""
        self.config = config
        self.reading = Reading(self.encoder, config.levels, config.energy_depth or 0, config.views)
        self.reading.check()
        self._bank = UnitBank(self.reading.layout)
        floor = FLOOR_SHARE * features.unit_scale(self.encoder) ** 2 if config.energy_depth else None
        near = features.near_count(self.encoder)
        self._derived = Derived(self._bank, Rules(config.shrinkage, near, config.ridge, floor))

    @property
    def bank(self) -> UnitBank:
        """Units and pairs."""
        return self._bank

    @classmethod
    def bank_of(cls, records: Sequence[ClassRecord]) -> UnitBank:
        """Return units and pairs as a bank; raises `UsageError` if they don't belong together."""
        return UnitBank.of(records)

    @classmethod
    def derive_from(cls, bank: Roster, options: Mapping[str, Any]) -> list[ClassRecord]:
        """Return the discriminants of pairs of classes that the bank lacks."""
        strength = options.get("shrinkage")
        if not isinstance(bank, UnitBank) or not isinstance(strength, (int, float)):
            raise UsageError("shrinkage is no number")
        return missing_pairs(bank, bank.labels, strength, bool(options.get("energy_depth")))

    @property
    def needs_others(self) -> bool:
        """The closed form of a class needs its own images alone; prompts of its pairs need the other class's too."""
        return self.config.pair_prompts

    @property
    def recipe(self) -> Recipe:
        """How the prompt of a pair is learned."""
        c = self.config
        first = c.first_block or 0
        return Recipe(
            first, c.tokens_per_class, c.lora_rank, c.steps, c.images_per_class, c.learning_rate, c.seed
        )

    def learn(self, train: Split, validation: Split, session: Session) -> None:
        """Sum up every class of `train` in one pass, derive its pairs, and learn prompts where asked for."""
        self._take_in(train, validation, session)
        self.derive()
        self._learn_prompts(train, self.bank.pairs, session)

    def add(self, labels: Sequence[str], train: Split, validation: Split, session: Session) -> None:
        """Take in more classes; with pair prompts, `train` also holds the images of all other attached classes."""
        self._take_in(train.only(labels), validation.only(labels), session)
        self.derive()
        self._learn_prompts(train, [pair for pair in self.bank.pairs if {*pair} & {*labels}], session)

    def add_more(self, labels: Sequence[str], train: Split, validation: Split, session: Session) -> None:
        """Add inputs to the sums of known classes: the bits of a model that was given all of them at once.

        The pairs of these classes are derived anew, without prompts until `refit`.
        """
        made = sum_up(self.reading, train.only(labels), validation.only(labels), session)
        put_together(self.bank, made, HELD_OUT_ROWS)
        self._derived.joining(made)
        self._derive_anew(labels)

    def merge(self, into: str, label: str) -> None:
        """Add the sums of one class to those of another: the bits of a model that was learned with both as one."""
        units = [relabelled(unit, label, into) for unit in self.bank.units(label)]
        self.bank.take_out(label)
        put_together(self.bank, units, HELD_OUT_ROWS)
        self._derive_anew([into, label])

    def _derive_anew(self, labels: Iterable[str]) -> None:
        """Derive anew what depends on classes whose units have changed."""
        for label in labels:
            self.bank.drop_pairs(label)
        self._changed(labels)
        self.derive()

    @classmethod
    def renamed(cls, records: Sequence[ClassRecord], old: str, new: str) -> list[ClassRecord]:
        """Return units and pairs with a class named anew; pairs whose order changes are left out, to be derived."""
        changed = [relabelled(record, old, new) for record in records]
        return [record for record in changed if record.partner is None or record.label < record.partner]

    def add_subject(self, train: Split, validation: Split, session: Session) -> None:
        """Take in more subjects of classes that are known.

        The pairs of these classes are derived anew, without prompts until `refit`. Raises `UsageError` for a subject
        whose images of a class are in the model already.
        """
        known = {(unit.label, unit.subject) for unit in self.bank.records() if unit.partner is None}
        taken = known & {*train.units, *validation.units}
        if taken:
            raise UsageError(
                f"the model already has inputs of {len(taken)} of these subjects and classes; "
                "forget the subject first, then add all of its inputs"
            )
        self._take_in(train, validation, session)
        self._derive_anew(sorted(set(train.labels)))

    @property
    def prompted(self) -> int:
        """How many pairs have a prompt."""
        return sum(map(has_prompt, self.bank.pairs.values()))

    def retained(self, split: Split) -> Split:
        """Return the images of `split` of classes and subjects that the model knows."""
        known = {(unit.label, unit.subject) for unit in self.bank.records() if unit.partner is None}
        return split.select([row for row, unit in enumerate(split.units) if unit in known])

    def refit(self, train: Split, session: Session) -> int:
        """Learn the prompts of pairs that should have one and have none, and return how many those were."""
        return self._learn_prompts(train, self.bank.pairs, session)

    @classmethod
    def lacks(cls, options: Mapping[str, Any], records: Sequence[ClassRecord]) -> tuple[str, ...]:
        """Return that energies are those of the lowest depth, where folders of format 2 had them."""
        return (ENERGIES_LACK,) if not options.get("energy_depth") else ()

    def renew(self, train: Split, validation: Split, session: Session) -> bool:
        """Read units anew with numbers for energies; raises `DataError` for other data than those of the model."""
        if self.config.energy_depth:
            return False
        old, detached = self._bank, [name for name in self.bank.labels if self.bank.is_detached(name)]
        self._use(replace(self.config, energy_depth=energy_depth(self.encoder)))
        self._take_in(train, validation, session)
        check_same_inputs(old, self._bank)
        for label in detached:
            self._bank.detach(label)
        self._changed(old.labels)
        self.derive()
        for record in prompted_pairs(old, self._bank):
            del self._bank.pairs[record.label, str(record.partner)]
            self._bank.insert(record)
        return True

    def derive(self) -> list[ClassRecord]:
        """Derive the discriminants of pairs that lack one, insert and return them; none for many classes."""
        made = missing_pairs(
            self.bank, self.bank.labels, self.config.shrinkage, bool(self.config.energy_depth)
        )
        for record in made:
            self.bank.insert(record)
        return made

    def evaluate(
        self, inputs: Images, labels: Sequence[str] | None = None, shortlist: int = 0
    ) -> tuple[Scores, Scores]:
        """Return scores and the confidence of the closed form."""
        names = self.bank.attached if labels is None else sorted(labels)
        if 0 < shortlist < len(names):
            raise UsageError(f"the {self.name} engine scores all classes at once; it has no shortlist")
        scores = np.zeros((len(inputs), len(names)), dtype=np.float32)
        confidence = np.full(len(inputs), -np.inf, dtype=np.float32)
        if not names:
            return scores, confidence
        heads = self.heads(names)
        prompted = prompts_among(self.bank, names) if len(names) <= MOST_PAIRED else []
        for start, pixels in self.pixel_batches(inputs):
            rows, boost = self._read(pixels, prompted, len(names))
            part, read = slice(start, start + len(pixels)), self.bank.layout.scored(rows)
            scores[part] = heads.scores(read, boost).numpy()
            confidence[part] = heads.confidence(read, self._derived.near_rows(rows)).numpy()
        if labels is not None and names != list(labels):
            scores = scores[:, [names.index(label) for label in labels]]
        return scores, confidence

    def probabilities(self, scores: Scores) -> Scores:
        """Return softmax over the classes scored; whether to answer at all is decided by the confidence."""
        return softmax(scores)

    def class_probabilities(self, scores: Scores, labels: Sequence[str]) -> Scores:
        """Return probabilities of `labels` as sharp as suits their held-out images best."""
        return self._held_out(labels).sharpness.probabilities(scores) if labels else scores.copy()

    def threshold(self, keep: float, labels: Sequence[str] | None = None) -> float:
        """Return the confidence that a share `keep` of the held-out images reaches, by the heads of `labels` alone."""
        names = self.bank.attached if labels is None else labels
        return self._held_out(names).threshold(keep) if names else float("inf")

    def limits(self, scores: Scores, labels: Sequence[str], keep: float) -> Scores:
        """Return the confidence that each input must reach, `[n]`, which may depend on its best class."""
        names = sorted(labels)
        cuts = self._held_out(names).limits(keep, self.threshold(keep, names))
        columns = np.array([names.index(label) for label in labels])
        return np.asarray(cuts[columns[scores.argmax(axis=1)]], dtype=np.float32)

    def coverage(self, keep: float, labels: Sequence[str] | None = None) -> list[ClassCoverage]:
        """Return how many held-out images of each of `labels` are answered."""
        names = self.bank.attached if labels is None else labels
        return self._held_out(names).coverage(keep, self.threshold(keep, names)) if names else []

    def known_probability(
        self, scores: Scores, confidence: Scores, labels: Sequence[str], keep: float
    ) -> Scores:
        """Return how likely each input is of one of `labels` and not of a class that was left out of them."""
        names = tuple(sorted(labels))
        if names and names not in self._odds:  # each held-out input counts with its class and without it
            unknown = as_unknown(self.heads(names), names, self.bank, self._derived)
            self._odds[names] = self._held_out(names).known_odds(unknown)
        odds = self._odds.get(names)
        if odds is None:
            return super().known_probability(scores, confidence, labels, keep)
        return sigmoid(odds[0] * confidence.astype(np.float64) + odds[1]).astype(np.float32)

    def _held_out(self, labels: Sequence[str]) -> Judged:
        """Return what the heads of `labels` say of their held-out images."""
        names = tuple(sorted(labels))
        if names not in self._judged:
            self._judged[names] = judge(self.heads(names), names, self.bank, self._derived)
        return self._judged[names]

    def heads(self, labels: Sequence[str]) -> Heads:
        """Return what scores `labels` in closed form, without prompts of pairs."""
        return self._derived.heads(labels)

    def twin(self) -> Self:
        """Return an engine that has learned the same, with the sum over all classes if there is one."""
        twin = super().twin()
        twin._derived.start_from(self._derived)
        return twin

    def clear(self) -> None:
        """Destroy in memory all that was learned and derived."""
        self._derived.wipe()
        self._changed([])
        self.bank.erase_records(self.bank.records())

    def surface(self) -> Files:
        """Return the frozen image path with closed-form scores; gradients pass the rounding of features unchanged."""
        if isinstance(self.encoder, VectorEncoder):
            return super().surface()
        if self.config.views:
            raise UsageError(
                "a model that averages views can't be opened for attacks; choose those that need scores"
            )
        return frozen_path(self, self.config, self.heads)

    def records(self) -> list[ClassRecord]:
        """Return all units and pairs, sorted."""
        return self.bank.records()

    @classmethod
    def inputs_in(cls, record: ClassRecord) -> int | None:
        """Return how many inputs a unit sums up; a pair is derived from units."""
        return None if record.partner is not None else unit_inputs(record)

    def forget(self, label: str) -> None:
        """Destroy the units and pairs of a class in memory; raises `UnknownLabelError`."""
        self._derived.leaving(self.bank.units(label))
        self.bank.erase(label)
        self._changed([label])

    def forget_subject(self, subject: str) -> None:
        """Destroy a subject's units in all classes, and the pairs that saw them; raises `UnknownLabelError`."""
        units = [record for record in self.bank.affected_records(subject=subject) if record.partner is None]
        self._derived.leaving(units)
        self.bank.erase_subject(subject)
        self._changed([unit.label for unit in units])

    def restore(self, records: Sequence[ClassRecord], shared: dict[str, Tensor]) -> None:
        """Fill an empty engine from records; discriminants that are missing are derived."""
        if shared:
            raise UsageError(f"shared tensors {sorted(shared)} don't fit the exact engine, which has none")
        for record in sorted(records, key=lambda record: record.partner is not None):
            if record.partner is not None:
                check_pair(record, self.bank, self.recipe.shapes(self.encoder))
            self.bank.insert(record)
        self.derive()

    def _take_in(self, train: Split, validation: Split, session: Session) -> None:
        made = sum_up(self.reading, train, validation, session)
        for record in made:
            self.bank.insert(record)
        self._derived.joining(made)
        self._changed(train.labels)

    def _learn_prompts(self, train: Split, pairs: Iterable[Pair], session: Session) -> int:
        if not self.config.pair_prompts:
            return 0
        chosen = [pair for pair in sorted(pairs) if self._needs_prompt(pair)]
        checkpoint = self.checkpoint(session, work_digest(self.encoder, self.recipe, train, chosen))
        learn_prompts(self.encoder, self.recipe, self.bank, train, chosen, session, checkpoint)
        return len(chosen)

    def _needs_prompt(self, pair: Pair) -> bool:
        record, (first, second) = self.bank.pairs[pair], pair
        if has_prompt(record):
            return False
        rows = (self.bank.layout.scored(self.bank.held_out(label)) for label in (first, second))
        return confusion(record, *rows) > CONFUSED

    def _read(
        self, pixels: Tensor, prompted: list[tuple[int, dict[str, Tensor]]], classes: int
    ) -> tuple[Tensor, Tensor | None]:
        """Return rows as units hold them and what prompts add to the logits of pairs, from one walk."""
        if isinstance(self.encoder, VectorEncoder) or not prompted:
            return self.reading.rows(pixels), None
        walked = list(self.encoder.walk(pixels))
        return self.reading.rows(pixels, walked), pair_prompts.boost(
            self.encoder, self.recipe.first_block, prompted, walked, classes
        )

    def _changed(self, labels: Iterable[str]) -> None:
        for judged in self._judged.values():
            judged.wipe()
        self._judged.clear()
        self._odds.clear()
        self._derived.changed(labels)
