"""The paper engine: class prompts in the image's own sequence, and an adapter that all classes share.

*Pre-Forgettable Models: Prompt Learning as a Native Mechanism for Unlearning* (arXiv 2509.15230). One prompt per
class stands before the CLS token, without position; LoRA on queries and values and a linear head on CLS are trained
with it. `B` images, `S` slots, `T` tokens of a prompt, `N` tokens of an image, `D` width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones.encoder import Encoder
from preforget.backbones.lora import Lora, generator_on, read_with_lora, uniform
from preforget.core.errors import UsageError
from preforget.core.guarantee import Guarantee
from preforget.core.hashing import value_digest
from preforget.core.seeds import derive_seed
from preforget.data.dataset import Images, Split
from preforget.data.digest import split_digest
from preforget.engines.base import Scores, Session
from preforget.engines.options import EngineOptions, Paper
from preforget.engines.prompted import PromptEngine
from preforget.engines.registry import ENGINES
from preforget.metrics.softmax import softmax
from preforget.training.loop import Schedule, run
from preforget.training.losses import uniform_loss
from preforget.training.state_cache import StateCache
from preforget.training.subsets import own_and_wrong_subset, wrong_subset
from preforget.white_box.shared_adapter import SharedAdapter
from preforget.white_box.surface import Files

LORA = Lora(rank=4, alpha=4.0, dropout=0.1)

Weights = Mapping[str, Tensor]


@ENGINES.register("paper")
class PaperEngine(PromptEngine):
    """The published method. Forgetting deletes prompt, head row and bias; the adapter has seen the class and stays.

    The scores of a class depend on which prompts are present: those of the classes that are scored, no others.
    """

    guarantee: ClassVar[Guarantee] = Guarantee.BEHAVIOURAL
    meaning: ClassVar[str] = (
        "The prompt, head row and bias of the class are deleted and it is never answered again; "
        "an adapter that all classes share has seen its data and stays."
    )
    not_claimed: ClassVar[tuple[str, ...]] = (
        "The adapter that all classes share has seen the erased data and stays; what it learned from them may be "
        "recovered with new examples.",
    )
    adding: ClassVar[str] = (
        "the adapter that all classes share stays as it is; "
        "the class is learned by its prompt, head row and bias alone"
    )
    options_type: ClassVar[type[EngineOptions]] = Paper
    config: Paper

    def __init__(self, encoder: Encoder, config: Paper) -> None:
        if not encoder.blocks:
            raise UsageError(
                "the paper engine puts prompts before the CLS token of a transformer, and vectors have none; "
                "choose engine isolated or exact"
            )
        if not encoder.prefix:
            raise UsageError(
                "the paper engine puts prompts before the CLS token and reads it, and this backbone has none; "
                "choose engine isolated or exact"
            )
        config.check_first_block(encoder)
        super().__init__(encoder, config)
        shapes = LORA.shapes(self.levels, encoder.dim)
        self._adapters = {name: torch.zeros(shape, device=encoder.device) for name, shape in shapes.items()}

    @property
    def levels(self) -> int:
        """The number of blocks that have an adapter."""
        return self.encoder.depth - self.config.first_block

    def learned_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name and shape of every learned tensor of one class."""
        dim = self.encoder.dim
        return {"prompt": (self.config.tokens_per_class, dim), "row": (dim,), "bias": ()}

    def shared_tensors(self) -> dict[str, Tensor]:
        """Return the adapters of all blocks, stacked; they have seen every class of the first learning."""
        return dict(self._adapters)

    def learn(self, train: Split, validation: Split, session: Session) -> None:
        """Learn a record for every class of `train`, and the shared adapter together with them."""
        labels = sorted(set(train.labels))
        dim = self.encoder.dim
        drawn = LORA.start(self.levels, dim, self._stream("adapter"))
        adapters = {n: t.to(self.encoder.device).requires_grad_() for n, t in drawn.items()}
        records = self._start(labels)
        weights = {**records, **adapters}
        self._train(weights, lambda: weights, labels, train, session, dropout=True)
        with torch.no_grad():
            for name, tensor in self._adapters.items():
                tensor.copy_(adapters[name])
        self._insert(labels, records)
        self.calibrate(labels, validation)

    def add(self, labels: Sequence[str], train: Split, validation: Split, session: Session) -> None:
        """Learn prompt, row and bias of more classes with the paper's loss over them and all attached classes.

        The adapter, without dropout, and the other records stay as they are, so a class that is added later makes do
        with what the adapter learned from the first classes. Images of classes that are not attached are ignored.
        """
        columns = [*self.bank.attached, *labels]
        slots = self.bank.slots(self.bank.attached)
        fixed = {name: self.bank.packed[name][slots] for name in self.learned_shapes()}
        added = self._start(labels)

        def weights() -> Weights:
            both = {name: torch.cat([fixed[name], added[name]]) for name in added}
            return {**both, **self._adapters}

        self._train(added, weights, columns, train.only(columns), session, dropout=False)
        self._insert(labels, added)
        self.calibrate(labels, validation)

    def add_more(self, labels: Sequence[str], train: Split, validation: Split, session: Session) -> None:
        """Refuse: the adapter that all classes share doesn't learn again, and it is what adapts to a class's images."""
        raise UsageError(
            "the paper engine can't learn more inputs of a class that it knows: most of what it learns of a class is "
            "in the adapter that all classes share, and this stays as it is after the first learning. Learn a new "
            "model with all inputs, or choose engine isolated or exact"
        )

    def score_batch(self, pixels: Tensor, labels: Sequence[str]) -> Tensor:
        """Return `float32 [batch, capacity]` with the prompts of `labels` present and no others."""
        return self.logits(pixels, labels)

    def logits(self, pixels: Tensor, present: Iterable[str]) -> Tensor:
        """Return the logits of every slot with only the prompts of `present` in the sequence, `[batch, capacity]`.

        For diagnosis: head rows of classes whose prompt is absent are computed too, as if only the prompt were gone.
        Columns of dead slots are 0. Raises `UnknownLabelError`.
        """
        shown = torch.zeros(1, self.bank.capacity, dtype=torch.bool, device=pixels.device)
        shown[:, self.bank.slots(present)] = True
        with torch.no_grad():
            states = self.encoder.embed(pixels)
            for block in self.encoder.blocks[: self.config.first_block]:
                states, _, _ = block.forward(states)
        return self.logits_of_states(states, shown.expand(len(states), -1))

    @torch.no_grad()
    def logits_of_states(self, states: Tensor, present: Tensor) -> Tensor:
        """Return `float32 [batch, capacity]` from states `[batch, N, D]` that enter the first block.

        `present`, `bool [batch, capacity]`, says for each image which slots' prompts it sees.
        """
        return self._logits({**self.bank.packed, **self._adapters}, states, present)

    def log_confidence(self, scores: Scores) -> Scores:
        """Return the log of the highest softmax probability; 0 for a single class, which is always sure."""
        if scores.shape[1] == 0:
            return np.full(len(scores), -np.inf, dtype=np.float32)
        ordered = np.sort(scores, axis=1)
        others: Scores = np.exp(ordered[:, :-1] - ordered[:, -1:])
        logs: Scores = -np.log1p(others.sum(axis=1))
        return logs

    def own_confidence(self, label: str, inputs: Images) -> Scores:
        """Return the log of the class's softmax probability `[n]`, all attached classes present."""
        logits = self.scores(inputs)
        logs: Scores = logits[:, self.bank.attached.index(label)] - np.logaddexp.reduce(logits, axis=1)
        return logs

    def surface(self) -> Files:
        """Return the live classes' prompts and rows with the adapter that all classes share."""
        labels, c = tuple(self.bank.attached), self.config
        slots = self.bank.slots(labels)
        live = {name: self.bank.packed[name][slots] for name in self.learned_shapes()}
        return SharedAdapter(
            self.encoder,
            labels,
            {**live, **self.shared_tensors()},
            LORA,
            first_block=c.first_block,
            final_norm=c.final_norm,
            stored={**self.bank.packed, **self.shared_tensors()},
        )

    def probabilities(self, scores: Scores) -> Scores:
        """Return softmax over the classes scored: the paper's method knows no abstention of its own."""
        return softmax(scores)

    def _train(
        self,
        learned: Mapping[str, Tensor],
        weights: Callable[[], Weights],
        columns: list[str],
        train: Split,
        session: Session,
        *,
        dropout: bool,
    ) -> None:
        """Train `learned` in place; `weights()` is what the model computes with, classes in order of `columns`."""
        c, encoder = self.config, self.encoder
        column_of = {label: column for column, label in enumerate(columns)}
        target = torch.tensor([column_of[label] for label in train.labels], device=encoder.device)
        what = [self.name, c.as_dict(), encoder.identity.digest, asdict(encoder.preprocessing)]
        checkpoint = self.checkpoint(session, value_digest([*what, columns, split_digest(train)]))
        with StateCache(
            encoder,
            train,
            first_block=c.first_block,
            last_block=c.first_block,
            cache_dir=session.cache_dir,
            keep=session.keep_cache,
            show=session.show,
        ) as cache:

            def backward(indices: Tensor, generator: torch.Generator) -> None:
                classes = target[indices.to(target.device)]
                shown = own_and_wrong_subset(classes, len(columns), generator)
                wrong = wrong_subset(classes, len(columns), generator)
                noise = generator_on(encoder.device, generator) if dropout else None
                loss = self._loss(weights(), cache.get(indices)[:, 0], classes, shown, wrong, noise)
                torch.autograd.backward(loss)

            run(
                learned,
                backward,
                examples=len(train),
                schedule=Schedule(c.epochs, c.batch_size, c.learning_rate),
                seed=c.seed,
                checkpoint=checkpoint,
                show=session.show,
            )

    def _loss(
        self,
        weights: Weights,
        states: Tensor,
        target: Tensor,
        shown: Tensor,
        wrong: Tensor,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Return both terms of the loss from one pass over the batch twice, with its two masks."""
        twice, present = torch.cat([states, states]), torch.cat([shown, wrong])
        with_own, without_own = self._logits(weights, twice, present, generator).chunk(2)
        return F.cross_entropy(with_own, target) + uniform_loss(without_own)

    def _logits(
        self, weights: Weights, states: Tensor, present: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return `float32 [B, S]` from states `[B, N, D]` that enter the first block and a mask `[B, S]`."""
        c, encoder = self.config, self.encoder
        sequence = with_prompts(states, weights["prompt"])
        cls = read_with_lora(
            encoder.blocks[c.first_block :],
            sequence,
            LORA,
            weights,
            token=sequence.shape[1] - states.shape[1],
            mask=key_mask(present, c.tokens_per_class, states),
            generator=generator,
        ).float()
        return F.linear(encoder.norm(cls) if c.final_norm else cls, weights["row"], weights["bias"])

    def _stream(self, *path: str) -> torch.Generator:
        return torch.Generator().manual_seed(derive_seed(self.config.seed, *path))

    def _start(self, labels: Sequence[str]) -> dict[str, Tensor]:
        """Return untrained records `[classes, ...]`: prompts from N(0, 1); each class draws from its own stream."""
        drawn: dict[str, list[Tensor]] = {name: [] for name in self.learned_shapes()}
        dim = self.encoder.dim
        for label in labels:
            generator = self._stream("record", label)
            for name, shape in self.learned_shapes().items():
                normal = name == "prompt"
                drawn[name].append(
                    torch.randn(shape, generator=generator) if normal else uniform(shape, dim, generator)
                )
        return {n: torch.stack(parts).to(self.encoder.device).requires_grad_() for n, parts in drawn.items()}

    def _insert(self, labels: Sequence[str], records: Weights) -> None:
        for i, label in enumerate(labels):
            self.insert(label, {name: tensors[i] for name, tensors in records.items()})


def with_prompts(states: Tensor, prompts: Tensor) -> Tensor:
    """Put prompts `[S, T, D]` before the CLS token of every image: `[B, N, D]` becomes `[B, S T + N, D]`."""
    row = prompts.to(states.dtype).flatten(0, 1)
    return torch.cat([row.expand(len(states), -1, -1), states], dim=1)


def key_mask(present: Tensor, tokens: int, states: Tensor) -> Tensor:
    """Return what is added to the attention logits, `[B, 1, 1, S T + N]`: no token sees prompts that are absent.

    The lowest finite number, not minus infinity: its softmax weight is an exact 0 too, and a run of absent keys can't
    become NaN in a kernel that processes keys piece by piece.
    """
    images = present.new_ones(len(present), states.shape[1])
    seen = torch.cat([present.repeat_interleave(tokens, dim=1), images], dim=1)
    mask = torch.zeros(seen.shape, dtype=states.dtype, device=states.device)
    return mask.masked_fill(~seen, torch.finfo(states.dtype).min)[:, None, None]
