"""The isolated engine: class prompts travel beside the frozen image path, nothing shared is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import ClassVar

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
from preforget.engines.options import EngineOptions, Isolated
from preforget.engines.prompted import PromptEngine
from preforget.engines.registry import ENGINES
from preforget.engines.scorer import Scorer
from preforget.engines.vector_scorer import VectorScorer
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
        config.check_first_block(encoder)
        self.scorer = scorer_of(encoder, config)
        super().__init__(encoder, config)

    def learned_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name and shape of every learned tensor of one class."""
        return self.scorer.shapes()

    def learn(self, train: Split, validation: Split, session: Session) -> None:
        """Learn a record for every class of `train` from one forward pass per image for both loss terms."""
        labels = sorted(set(train.labels))
        self._learn(labels, labels, train, None, session)
        self.calibrate(labels, validation)

    def add(self, label: str, train: Split, validation: Split, session: Session) -> None:
        """Learn the record of one more class; other records only contribute their scores and are not changed."""
        others = [known for known in self.bank.attached if known in set(train.labels)]
        train = train.only([label, *others])
        fixed = torch.from_numpy(self.scores(train.inputs, others))
        self._learn([label], [label, *others], train, fixed, session)
        self.calibrate([label], validation)

    def score_batch(self, pixels: Tensor, labels: Sequence[str]) -> Tensor:
        """Return `float32 [batch, capacity]`, whatever `labels`; slot blocks one by one, so shapes never change."""
        return self.scorer.score_bank(self.bank, pixels)

    def score_shortlist(self, pixels: Tensor, labels: Sequence[str], size: int) -> Tensor:
        """Return `float32 [batch, capacity]`: scores of the `size` best classes by a cheap score, else `-inf`."""
        return self.scorer.score_shortlist(self.bank, pixels, labels, size)

    def log_confidence(self, scores: Scores) -> Scores:
        """Return `log((1 - p) / p)` with `p` the probability of abstain: logsumexp of the scores."""
        if scores.shape[1] == 0:
            return np.full(len(scores), -np.inf, dtype=np.float32)
        summed: Scores = np.logaddexp.reduce(scores, axis=1)
        return summed

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
        levels = self.encoder.depth - c.first_block
        names = class_path.shapes(levels, self.encoder.dim, c.tokens_per_class, c.lora_rank)
        labels = tuple(bank.attached)
        return FrozenPath(
            self.encoder,
            labels,
            first_block=c.first_block,
            scores=lambda inputs: self.scores(inputs, labels),
            live={name: bank.packed[name][bank.slots(labels)] for name in names},
            stored=bank.packed,
        )

    def targets(self, train: Split, columns: Sequence[str]) -> Tensor:
        """Return the column of each image's class, `int64 [n]`."""
        column_of = {label: column for column, label in enumerate(columns)}
        return torch.tensor([column_of[label] for label in train.labels])

    def loss(self, scores: Tensor, cheap: Tensor | None, target: Tensor) -> Tensor:
        """Return both loss terms on the scores and one on the cheap ones, if any, each `[batch, columns]`."""
        both = answer_loss(scores, target) + abstain_loss(scores, target)
        return both if cheap is None else both + answer_loss(cheap, target)

    def _learn(
        self, new: list[str], columns: list[str], train: Split, fixed: Tensor | None, session: Session
    ) -> None:
        weights = self._start(new)
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
            self.insert(label, {name: weight[i] for name, weight in weights.items()})

    def _start(self, labels: Sequence[str]) -> dict[str, Tensor]:
        """Return untrained weights `[classes, ...]`; each class draws from its own stream."""
        drawn: dict[str, list[Tensor]] = {name: [] for name in self.learned_shapes()}
        for label in labels:
            generator = torch.Generator().manual_seed(derive_seed(self.config.seed, "record", label))
            for name, shape in self.learned_shapes().items():
                drawn[name].append(self.scorer.draw(name, shape, generator))
        return {n: torch.stack(parts).to(self.encoder.device).requires_grad_() for n, parts in drawn.items()}


def scorer_of(encoder: Encoder, config: Isolated) -> Scorer:
    """Return the scorer for this kind of encoder."""
    if isinstance(encoder, VectorEncoder):
        return VectorScorer(encoder, config.lora_rank)
    return BlockScorer(encoder, config.first_block, config.tokens_per_class, config.lora_rank)
