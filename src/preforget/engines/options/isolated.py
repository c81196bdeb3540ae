"""Options of the isolated engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from preforget.core.options import option
from preforget.engines.options.base import OPTIONS, EngineOptions

if TYPE_CHECKING:
    from preforget.backbones.encoder import Encoder
    from preforget.training.loop import Schedule

VIT_B = 768**2 * 12
"""Squared width times depth of ViT-B, which its parameters are proportional to."""

LAST = 4
"""How many blocks the path of a class goes through by default where the backbone is larger."""

STEPS = 800
"""How many steps are taken on a transformer where no epochs are given."""


@OPTIONS.register("isolated")
@dataclass(frozen=True)
class Isolated(EngineOptions):
    """Options of the isolated engine.

    Args:
        seed: Of everything that is drawn while learning; a whole number of at least 0.
        first_block: Number of the backbone's block where the path of a class begins, from 0; by default 0, and of
            backbones larger than ViT-B the last but three, since states of all blocks take much memory.
        tokens_per_class: Length of the prompt of a class, in tokens; at least 1.
        lora_rank: Rank of the adapters that each class has on its own path; 0 for none.
        epochs: Passes over the data; by default as many as make 800 steps, on vectors 400.
        batch_size: Inputs per step; by default a 32nd of the inputs, from 16 to 128.
        learning_rate: Step size of Adam, above 0 and below 10, at its highest: it rises over 100 steps and falls as a
            cosine. Rows and biases take a third of it; on vectors all take ten times it.

    Raises:
        UsageError: A value can't be used.

    Example:
        >>> Isolated(epochs=20).as_dict()["epochs"]
        20
    """

    first_block: int | None = option(
        None,
        "block of the backbone where a class begins; by default 0, of large ones the fourth from last",
    )
    tokens_per_class: int = option(1, "length of the prompt of a class", aliases=("tokens",))
    lora_rank: int = option(4, "rank of the adapters that each class has on its own path, 0 for none")
    epochs: int | None = option(
        None, "passes over the data; by default as many as make 800 steps, on vectors 400"
    )
    batch_size: int | None = option(None, "inputs per step; by default a 32nd of them, from 16 to 128")
    learning_rate: float = option(
        1e-2,
        "step size of Adam; rows and biases take a third of it, on vectors all take ten times it",
        "RATE",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole(tokens_per_class=1, lora_rank=0)
        if self.first_block is not None:
            self.check_whole(first_block=0)
        for name in ("epochs", "batch_size"):
            if getattr(self, name) is not None:
                self.check_whole(**{name: 1})
        self.check_rate()

    def resolved(self, encoder: Encoder) -> Self:
        """Return the options with the block where paths begin on this backbone."""
        if self.first_block is not None:
            return self
        large = encoder.dim**2 * encoder.depth > VIT_B
        return replace(self, first_block=max(0, encoder.depth - LAST) if large else 0)

    def schedule(self, examples: int, steps: int = STEPS) -> Schedule:
        """Return the schedule for a number of inputs; what isn't given follows from it.

        A batch is a 32nd of the inputs, from 16 to 128; there are as many epochs as `steps` need.
        """
        from preforget.training.loop import Schedule

        batch = self.batch_size or min(128, max(16, examples // 32))
        epochs = self.epochs or -(-steps * batch // examples)
        return Schedule(epochs, batch, self.learning_rate, betas=(0.9, 0.98), warmup_steps=100, cosine=True)
