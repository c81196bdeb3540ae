"""The isolated engine: class prompts travel beside the frozen image path, nothing shared is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from preforget.backbones import class_path
from preforget.backbones.encoder import Encoder
from preforget.backbones.vectors import VectorEncoder
from preforget.core.guarantee import Guarantee
from preforget.core.hashing import value_digest
from preforget.core.seeds import derive_seed
from preforget.data.dataset import Images, Split
from preforget.data.digest import split_digest
from preforget.engines.base import Scores, Session
from preforget.engines.block_scorer import BlockScorer
from preforget.engines.coverage import ClassCoverage
from preforget.engines.held_out import HeldOut
from preforget.engines.options import EngineOptions, Isolated
from preforget.engines.pair_scores import PairScores
from preforget.engines.prompted import PromptEngine
from preforget.engines.registry import ENGINES
from preforget.engines.scorer import Scorer
from preforget.engines.vector_scorer import VectorScorer
from preforget.records import ClassRecord
from preforget.records.record import EVERY_CLASS, relabelled
from preforget.training.loop import run
from preforget.training.losses import abstain_loss, answer_loss
from preforget.training.state_cache import StateCache
from preforget.white_box.frozen_path import FrozenPath
from preforget.white_box.surface import Files

ROWS_AT_ONCE = 4096
"""How many class tokens a backward pass takes at once: bounds memory for many classes."""


@ENGINES.register("isolated")
class IsolatedEngine(PromptEngine):
    """Scores that don't depend on each other, from parameters that belong to one class each."""

    guarantee: ClassVar[Guarantee] = Guarantee.PARAMETRIC
    meaning: ClassVar[str] = (
        "Every parameter that was learned for the class is deleted, nothing shared was trained, and the scores "
        "of all other classes stay bit-identical; other records were learned with the class as a negative."
    )
    not_claimed: ClassVar[tuple[str, ...]] = (
        "The records of other classes were learned with the erased class as a negative; what they learned from "
        "that stays.",
    )
    options_type: ClassVar[type[EngineOptions]] = Isolated
    leaves_share_to_abstain: ClassVar[bool] = True
    config: Isolated

    def __init__(self, encoder: Encoder, config: Isolated) -> None:
        config = config.resolved(encoder)
        config.check_first_block(encoder)
        self.scorer = scorer_of(encoder, config)
        super().__init__(encoder, config)
        self._held_out = HeldOut()

    def learned_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name and shape of every learned tensor of one class."""
        return self.scorer.shapes()

    def learn(self, train: Split, validation: Split, session: Session) -> None:
        """Learn a record for every class of `train` from one forward pass per input for both loss terms."""
        labels = sorted(set(train.labels))
        self._learn(labels, labels, train, None, session)
        self.hold_scores(labels, validation)

    def add(self, labels: Sequence[str], train: Split, validation: Split, session: Session) -> None:
        """Learn the records of more classes; other records only contribute their scores and are not changed.

        Abstention is formed anew from the held-out inputs of all classes: those that it was formed from were not kept,
        so they can't be scored for the new classes.
        """
        self._learn_beside(labels, train, session)
        self.hold_scores(labels, validation)

    def add_more(self, labels: Sequence[str], train: Split, validation: Split, session: Session) -> None:
        """Go on learning the records of known classes from where they are, with more inputs; as `add` otherwise."""
        former = {label: self.bank[label].copy() for label in labels}
        detached = [label for label in labels if self.bank.is_detached(label)]
        for label in labels:
            self.bank.erase(label)
        self._learn_beside(labels, train, session, former)
        for label in detached:
            self.bank.detach(label)
        for record in former.values():  # freed memory keeps its content
            for tensor in record.tensors.values():
                tensor.zero_()
        self.hold_scores(labels, validation)

    def _learn_beside(
        self,
        new: Sequence[str],
        train: Split,
        session: Session,
        former: Mapping[str, ClassRecord] | None = None,
    ) -> None:
        """Learn classes that are not in the bank, told from those in it whose inputs are in `train`; see `_learn`."""
        others = [known for known in self.bank.attached if known in set(train.labels)]
        train = train.only([*new, *others])
        fixed = torch.from_numpy(self.scores(train.inputs, others))
        self._learn([*new], [*new, *others], train, fixed, session, former)

    @classmethod
    def renamed(cls, records: Sequence[ClassRecord], old: str, new: str) -> list[ClassRecord]:
        """Return the records with a class named anew, also in the scores of validation inputs."""
        return [
            PairScores.from_record(record).renamed(old, new).to_record()
            if record.label == EVERY_CLASS
            else relabelled(record, old, new)
            for record in records
        ]

    def recalibrate(self, validation: Split) -> None:
        """Score held-out inputs anew: of classes that lost theirs, or of a model that never had any."""
        self.hold_scores([], validation)

    @classmethod
    def lacks(cls, options: Mapping[str, Any], records: Sequence[ClassRecord]) -> tuple[str, ...]:
        """Return that there are no scores of validation inputs, which older folders of format 2 have not."""
        held = any(record.label == EVERY_CLASS for record in records)
        return (
            ()
            if held
            else ("abstention follows quantiles of each class, not the scores of validation inputs",)
        )

    def records(self) -> list[ClassRecord]:
        """Return the live records, sorted by label, and the scores of validation inputs."""
        return [*super().records(), *self._held_out.records]

    def affected_records(self, label: str | None = None, subject: str | None = None) -> list[ClassRecord]:
        """Return the record of a class, and the scores of validation inputs, which are written anew without it."""
        return [*super().affected_records(label, subject), *self._held_out.records]

    @classmethod
    def rewritten(cls, gone: Sequence[ClassRecord]) -> list[ClassRecord]:
        """Return the scores of validation inputs without those of the classes that go, and without their columns."""
        labels = {record.label for record in gone} - {EVERY_CLASS}
        left = [PairScores.from_record(r).without(labels) for r in gone if r.label == EVERY_CLASS]
        return [scores.to_record() for scores in left if scores is not None]

    def take_rewritten(self, records: Sequence[ClassRecord]) -> None:
        """Hold the record that was written to the folder."""
        self._held_out.take(records)

    def forget(self, label: str) -> None:
        """Destroy a record in memory, and its class's part in the scores of validation inputs."""
        super().forget(label)
        self._held_out.forget(label)

    def restore(self, records: Sequence[ClassRecord], shared: dict[str, Tensor]) -> None:
        """Fill an empty engine from records; without scores of validation inputs it abstains by their quantiles."""
        super().restore([record for record in records if record.label != EVERY_CLASS], shared)
        self._held_out.take([record for record in records if record.label == EVERY_CLASS])

    def score_batch(self, pixels: Tensor, labels: Sequence[str]) -> Tensor:
        """Return `float32 [batch, capacity]`; slot blocks that hold one of `labels` one by one: shapes never change."""
        return self.scorer.score_bank(self.bank, pixels, labels)

    def score_shortlist(self, pixels: Tensor, labels: Sequence[str], size: int) -> Tensor:
        """Return `float32 [batch, capacity]`: scores of the `size` best classes by a cheap score, else `-inf`."""
        return self.scorer.score_shortlist(self.bank, pixels, labels, size)

    def log_confidence(self, scores: Scores) -> Scores:
        """Return `log((1 - p) / p)` with `p` the probability of abstain: logsumexp of the scores."""
        if scores.shape[1] == 0:
            return np.full(len(scores), -np.inf, dtype=np.float32)
        summed: Scores = np.logaddexp.reduce(scores, axis=1)
        return summed

    def confidence(self, scores: Scores, labels: Sequence[str]) -> Scores:
        """Return the statistic that decides, see `abstention`; without validation scores `log_confidence`."""
        formed = self._held_out.formed(labels)
        return self.log_confidence(scores) if formed is None else formed.confidence(scores)

    def threshold(self, keep: float, labels: Sequence[str] | None = None) -> float:
        """Return the confidence that at least a share `keep` of the validation inputs of `labels` reaches."""
        formed = self._held_out.formed(self.bank.attached if labels is None else labels)
        return super().threshold(keep, labels) if formed is None else formed.share_reached(keep)

    def limits(self, scores: Scores, labels: Sequence[str], keep: float) -> Scores:
        """Return the confidence that each input must reach, `[n]`, which may depend on its best class."""
        formed = self._held_out.formed(labels)
        if formed is None:
            return super().limits(scores, labels, keep)
        order = [sorted(labels).index(label) for label in labels]
        limits: Scores = formed.limits(keep)[order].astype(np.float32)[scores.argmax(axis=1)]
        return limits

    def class_probabilities(self, scores: Scores, labels: Sequence[str]) -> Scores:
        """Return softmax over `labels` at the temperature that suits their validation inputs best."""
        formed = self._held_out.formed(labels)
        return (
            super().class_probabilities(scores, labels)
            if formed is None
            else formed.class_probabilities(scores)
        )

    def known_probability(
        self, scores: Scores, confidence: Scores, labels: Sequence[str], keep: float
    ) -> Scores:
        """Return how likely each input is of one of `labels` and not of one that was left out of learning."""
        formed = self._held_out.formed(labels)
        known = None if formed is None else formed.known(confidence)
        return super().known_probability(scores, confidence, labels, keep) if known is None else known

    def coverage(self, keep: float, labels: Sequence[str] | None = None) -> list[ClassCoverage]:
        """Return how many validation inputs of each of `labels` are answered."""
        formed = self._held_out.formed(self.bank.attached if labels is None else labels)
        return [] if formed is None else formed.coverage(keep)

    def own_confidence(self, label: str, inputs: Images) -> Scores:
        """Return the class's own score `[n]`: no other record has a part in it."""
        return self.scores(inputs, [label])[:, 0]

    def probabilities(self, scores: Scores) -> Scores:
        """Return softmax over the classes and abstain, which scores 0, without the abstain column."""
        top = np.maximum(scores.max(axis=1, keepdims=True, initial=0.0), 0.0)
        odds = np.exp(scores - top)
        shares: Scores = odds / (odds.sum(axis=1, keepdims=True) + np.exp(-top))
        return shares

    def surface(self) -> Files:
        """Return the live classes' weights beside the frozen image path; what is stored includes dead slots."""
        if not isinstance(self.scorer, BlockScorer):
            return super().surface()
        c, bank = self.config, self.bank
        first = c.first_block or 0
        levels = self.encoder.depth - first
        names = class_path.shapes(levels, self.encoder.dim, c.tokens_per_class, c.lora_rank)
        labels = tuple(bank.attached)
        return FrozenPath(
            self.encoder,
            labels,
            first_block=first,
            scores=lambda inputs: self.scores(inputs, labels),
            live={name: bank.packed[name][bank.slots(labels)] for name in names},
            stored=bank.packed,
        )

    def targets(self, train: Split, columns: Sequence[str]) -> Tensor:
        """Return the column of each input's class, `int64 [n]`."""
        column_of = {label: column for column, label in enumerate(columns)}
        return torch.tensor([column_of[label] for label in train.labels])

    def loss(self, scores: Tensor, cheap: Tensor | None, target: Tensor) -> Tensor:
        """Return both loss terms on the scores and one on the cheap ones, if any, each `[batch, columns]`."""
        both = answer_loss(scores, target) + abstain_loss(scores, target)
        return both if cheap is None else both + answer_loss(cheap, target)

    def _learn(
        self,
        new: list[str],
        columns: list[str],
        train: Split,
        fixed: Tensor | None,
        session: Session,
        former: Mapping[str, ClassRecord] | None = None,
    ) -> None:
        """Learn records of `new`, the first of `columns`; `fixed` are the scores of the others.

        `former`: records of `new` from whose weights learning goes on, and whose slots the new ones take.
        """
        weights = self._start(new) if former is None else self._start_from([former[label] for label in new])
        target = self.targets(train, columns).to(self.encoder.device)
        c = self.config
        schedule = c.schedule(len(train), self.scorer.steps)
        digest = value_digest(
            [
                self.name,
                c.as_dict(),
                asdict(schedule),
                self.encoder.identity.digest,
                columns,
                split_digest(train),
            ]
        )
        checkpoint = self.checkpoint(session, digest)
        cheap_names = [n for n in self.bank.packed if n.startswith("cheap_")]
        known = {n: self.bank.packed[n][self.bank.slots(columns[len(new) :])] for n in cheap_names}
        at_once = max(1, ROWS_AT_ONCE // max(1, len(new) * self.scorer.tokens))
        first_block, last_block = self.scorer.blocks
        with StateCache(
            self.encoder,
            train,
            first_block=first_block,
            last_block=last_block,
            cache_dir=session.cache_dir,
            keep=session.keep_cache,
            show=session.show,
        ) as cache:

            def backward(indices: Tensor, _: torch.Generator) -> None:
                for part in indices.split(at_once):
                    states = cache.get(part)
                    scores = self.scorer.score_states(weights, states)
                    cheap = self.scorer.cheap_scores(weights, states)
                    if fixed is not None:
                        scores = torch.cat([scores, fixed[part].to(scores.device)], dim=1)
                        others = self.scorer.cheap_scores(known, states)
                        if cheap is not None and others is not None:
                            cheap = torch.cat([cheap, others], dim=1)
                    loss = self.loss(scores, cheap, target[part])
                    torch.autograd.backward(loss * (len(part) / len(indices)))

            run(
                weights,
                backward,
                rates=self.scorer.rates,
                examples=len(train),
                schedule=schedule,
                seed=c.seed,
                checkpoint=checkpoint,
                show=session.show,
            )
        for i, label in enumerate(new):
            slot = None if former is None else former[label].slot
            self.insert(label, {name: weight[i] for name, weight in weights.items()}, slot)

    def hold_scores(self, new: Sequence[str], validation: Split) -> None:
        """Score held-out inputs of known classes, and keep what abstention is formed from."""
        labels = self.bank.labels
        known = validation.only(labels)
        scores = self.scores(known.inputs, labels)
        for label in new:
            self.keep_quantiles(label, scores[known.labels == label, labels.index(label)])
        column = {label: number for number, label in enumerate(labels)}
        truth = np.array([column[label] for label in known.labels], dtype=np.int64)
        self._held_out.take([PairScores.of(labels, truth, scores).to_record()])

    def _start(self, labels: Sequence[str]) -> dict[str, Tensor]:
        """Return untrained weights `[classes, ...]`; each class draws from its own stream."""
        drawn: dict[str, list[Tensor]] = {name: [] for name in self.learned_shapes()}
        for label in labels:
            generator = torch.Generator().manual_seed(derive_seed(self.config.seed, "record", label))
            for name, shape in self.learned_shapes().items():
                drawn[name].append(self.scorer.draw(name, shape, generator))
        return {n: torch.stack(parts).to(self.encoder.device).requires_grad_() for n, parts in drawn.items()}

    def _start_from(self, records: Sequence[ClassRecord]) -> dict[str, Tensor]:
        """Return the weights of records `[classes, ...]`, to be learned further."""
        names = self.learned_shapes()
        return {n: torch.stack([r.tensors[n] for r in records]).requires_grad_() for n in names}


def scorer_of(encoder: Encoder, config: Isolated) -> Scorer:
    """Return the scorer for this kind of encoder."""
    if isinstance(encoder, VectorEncoder):
        return VectorScorer(encoder, config.lora_rank)
    return BlockScorer(encoder, config.first_block or 0, config.tokens_per_class, config.lora_rank)
