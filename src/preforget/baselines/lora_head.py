"""The ordinary classifier: LoRA in every block of the frozen encoder and a linear head on CLS after the final norm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones.encoder import Encoder
from preforget.backbones.lora import Lora, generator_on, read_with_lora, uniform
from preforget.core.errors import NotFittedError
from preforget.core.hashing import value_digest
from preforget.core.seeds import derive_seed
from preforget.data.dataset import Images, Split
from preforget.data.digest import split_digest
from preforget.engines.base import EngineConfig, Scores, Session
from preforget.training.checkpoint import Checkpoint
from preforget.training.loop import Schedule, run
from preforget.training.state_cache import StateCache

LORA = Lora(rank=4, alpha=4.0, dropout=0.1)
SCORE_ROWS = 128


@dataclass(frozen=True)
class LoraHeadConfig(EngineConfig):
    """Options: the schedule, at a constant rate, and `seed` of adapter, head, dropout and order."""

    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        self.check_whole(epochs=1, batch_size=1)
        self.check_rate()


class LoraHead:
    """Learns by cross-entropy what the paper engine learns by prompts; nothing in it can be removed by class.

    `labels` are the columns of `scores`; `parameters` holds `adapter.*`, `head.weight [classes, D]` and
    `head.bias [classes]`; both are empty before `learn`.
    """

    name = "lora_head"

    def __init__(self, encoder: Encoder, config: LoraHeadConfig | None = None) -> None:
        self.encoder = encoder
        self.config = config or LoraHeadConfig()
        self.labels: list[str] = []
        self.parameters: dict[str, Tensor] = {}

    def learn(self, train: Split, session: Session) -> None:
        """Learn all classes of `train` anew; what was learned before is dropped."""
        c, encoder = self.config, self.encoder
        labels = sorted(set(train.labels))
        place = {label: column for column, label in enumerate(labels)}
        target = torch.tensor([place[label] for label in train.labels], device=encoder.device)
        what = [self.name, c.as_dict(), encoder.identity.digest, encoder.preprocessing.image_size]
        digest = value_digest([*what, labels, split_digest(train)])
        checkpoint = Checkpoint(session.checkpoint, digest) if session.checkpoint else None
        learned = self._start(len(labels))
        with StateCache(
            encoder,
            train,
            first_block=0,
            last_block=0,
            cache_dir=session.cache_dir,
            keep=session.keep_cache,
            show=session.show,
        ) as cache:

            def backward(indices: Tensor, generator: torch.Generator) -> None:
                noise = generator_on(encoder.device, generator)
                logits = self._logits(learned, cache.get(indices)[:, 0], noise)
                torch.autograd.backward(F.cross_entropy(logits, target[indices.to(target.device)]))

            run(
                learned,
                backward,
                examples=len(train),
                schedule=Schedule(c.epochs, c.batch_size, c.learning_rate),
                seed=c.seed,
                checkpoint=checkpoint,
                show=session.show,
            )
        self.labels = labels
        self.parameters = {name: tensor.detach() for name, tensor in learned.items()}
        if checkpoint:
            checkpoint.remove()

    @torch.no_grad()
    def scores(self, inputs: Images) -> Scores:
        """Return logits `float32 [n, classes]`; raises `NotFittedError` before `learn`."""
        if not self.labels:
            raise NotFittedError("the classifier has learned nothing yet; call learn() first")
        out = np.empty((len(inputs), len(self.labels)), dtype=np.float32)
        for start in range(0, len(inputs), SCORE_ROWS):
            part = range(start, min(start + SCORE_ROWS, len(inputs)))
            states = self.encoder.embed(self.encoder.read(inputs, part))
            out[part.start : part.stop] = self._logits(self.parameters, states).cpu().numpy()
        return out

    def _logits(
        self, parameters: Mapping[str, Tensor], states: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return `float32 [batch, classes]` from states `[batch, N, D]` that enter block 0."""
        cls = read_with_lora(self.encoder.blocks, states, LORA, parameters, generator=generator)
        return F.linear(self.encoder.norm(cls.float()), parameters["head.weight"], parameters["head.bias"])

    def _start(self, classes: int) -> dict[str, Tensor]:
        """Return untrained parameters, the head drawn as an ordinary linear layer."""
        dim = self.encoder.dim
        generator = torch.Generator().manual_seed(derive_seed(self.config.seed, self.name))
        drawn = LORA.start(self.encoder.depth, dim, generator)
        drawn["head.weight"] = uniform((classes, dim), dim, generator)
        drawn["head.bias"] = uniform((classes,), dim, generator)
        return {name: tensor.to(self.encoder.device).requires_grad_() for name, tensor in drawn.items()}
