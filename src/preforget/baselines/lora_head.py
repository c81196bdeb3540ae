"""The ordinary classifier: LoRA in every block of the frozen encoder and a linear head on CLS after the final norm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones.encoder import Encoder
from preforget.backbones.lora import Lora, generator_on, read_with_lora, uniform
from preforget.baselines.read_once import opened
from preforget.core.errors import NotFittedError, UsageError
from preforget.core.hashing import value_digest
from preforget.core.seeds import derive_seed
from preforget.data.dataset import Images, Split
from preforget.data.digest import split_digest
from preforget.engines.base import Scores, Session
from preforget.engines.options import EngineOptions
from preforget.training.checkpoint import Checkpoint
from preforget.training.loop import Schedule, run
from preforget.white_box.shared_adapter import SharedAdapter

LORA = Lora(rank=4, alpha=4.0, dropout=0.1)
SCORE_ROWS = 128


@dataclass(frozen=True)
class LoraHeadConfig(EngineOptions):
    """Options: the schedule, at a constant rate, and `seed` of adapter, head, dropout and order."""

    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole(epochs=1, batch_size=1)
        self.check_rate()


class LoraHead:
    """Learns all classes together by cross-entropy, so that no part of it can be removed by class.

    `labels` are the columns of `scores`; `parameters` holds `adapter.*`, `head.weight [classes, D]` and
    `head.bias [classes]`; both are empty before `learn`.
    """

    name = "lora_head"

    def __init__(self, encoder: Encoder, config: LoraHeadConfig | None = None) -> None:
        if not encoder.prefix:
            raise UsageError("the ordinary classifier reads the CLS token, and this backbone has none")
        self.encoder = encoder
        self.config = config or LoraHeadConfig()
        self.labels: list[str] = []
        self.parameters: dict[str, Tensor] = {}

    def learn(self, train: Split, session: Session) -> None:
        """Learn all classes of `train` from scratch; anything learned before is dropped."""
        c, encoder = self.config, self.encoder
        labels = sorted(set(train.labels))
        column_of = {label: column for column, label in enumerate(labels)}
        target = torch.tensor([column_of[label] for label in train.labels], device=encoder.device)
        recipe = [self.name, c.as_dict(), encoder.identity.digest, asdict(encoder.preprocessing)]
        digest = value_digest([*recipe, labels, split_digest(train)])
        checkpoint = Checkpoint(session.checkpoint, digest) if session.checkpoint else None
        learned = self._start(len(labels))
        with opened(encoder, train, session) as cache:

            def backward(indices: Tensor, generator: torch.Generator) -> None:
                noise = generator_on(encoder.device, generator)
                logits = self.logits(learned, cache.get(indices)[:, 0], noise)
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
        self._check_learned()
        out = np.empty((len(inputs), len(self.labels)), dtype=np.float32)
        for start in range(0, len(inputs), SCORE_ROWS):
            part = range(start, min(start + SCORE_ROWS, len(inputs)))
            states = self.encoder.embed(self.encoder.read(inputs, part))
            out[part.start : part.stop] = self.logits(self.parameters, states).cpu().numpy()
        return out

    def logits(
        self, parameters: Mapping[str, Tensor], states: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return `float32 [batch, classes]` from states `[batch, N, D]` that enter block 0.

        `generator` draws the adapter's dropout; nothing is dropped without one.
        """
        return F.linear(
            self.readout(parameters, states, generator), parameters["head.weight"], parameters["head.bias"]
        )

    def readout(
        self, parameters: Mapping[str, Tensor], states: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return what the head reads, `float32 [batch, D]`: CLS after the final norm."""
        cls = read_with_lora(self.encoder.blocks, states, LORA, parameters, generator=generator)
        return self.encoder.norm(cls.float())

    def copied(self) -> dict[str, Tensor]:
        """Return copies of the parameters that can be trained."""
        return {name: tensor.detach().clone().requires_grad_() for name, tensor in self.parameters.items()}

    def changed(self, parameters: Mapping[str, Tensor], labels: Sequence[str] | None = None) -> LoraHead:
        """Return a new classifier on the same encoder with copies of `parameters`; `labels` if they differ."""
        other = LoraHead(self.encoder, self.config)
        other.labels = list(self.labels if labels is None else labels)
        other.parameters = {name: tensor.detach().clone() for name, tensor in parameters.items()}
        return other

    def surface(self) -> SharedAdapter:
        """Return the weights opened for white-box attacks; raises `NotFittedError` before `learn`."""
        self._check_learned()
        weights = {name: tensor for name, tensor in self.parameters.items() if name.startswith("adapter.")}
        weights |= {"row": self.parameters["head.weight"], "bias": self.parameters["head.bias"]}
        return SharedAdapter(self.encoder, tuple(self.labels), weights, LORA, final_norm=True)

    def untrained(self, classes: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Return untrained parameters that need gradients, the head drawn as an ordinary linear layer."""
        dim = self.encoder.dim
        drawn = LORA.start(self.encoder.depth, dim, generator)
        drawn["head.weight"] = uniform((classes, dim), dim, generator)
        drawn["head.bias"] = uniform((classes,), dim, generator)
        return {name: tensor.to(self.encoder.device).requires_grad_() for name, tensor in drawn.items()}

    def _start(self, classes: int) -> dict[str, Tensor]:
        """Return the untrained parameters that this seed begins with."""
        return self.untrained(
            classes, torch.Generator().manual_seed(derive_seed(self.config.seed, self.name))
        )

    def _check_learned(self) -> None:
        if not self.labels:
            raise NotFittedError("the classifier has learned nothing yet; call learn() first")
