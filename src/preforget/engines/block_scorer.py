"""A class as a prompt that goes through the blocks of a transformer beside the frozen image path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import ClassVar

import torch
from torch import Tensor

from preforget.backbones import class_path
from preforget.backbones.encoder import Encoder
from preforget.engines import shortlist
from preforget.engines.options.isolated import STEPS
from preforget.engines.scorer import Scorer, Weights
from preforget.records import PromptBank

ROWS = 512
"""How many class tokens go through a block at once on a CPU, so that its states stay in the processor's cache."""


@dataclass(frozen=True)
class BlockScorer(Scorer):
    """Scores by `backbones.class_path` from block `first_block` on, with prompts of `tokens_per_class` tokens."""

    rates: ClassVar[Mapping[str, float]] = {"row": 1 / 3, "bias": 1 / 3}
    steps: ClassVar[int] = STEPS

    encoder: Encoder
    first_block: int
    tokens_per_class: int
    lora_rank: int

    @property
    def blocks(self) -> tuple[int, int]:
        """All blocks that the class path goes through."""
        return self.first_block, self.encoder.depth - 1

    @property
    def tokens(self) -> int:
        """The length of a prompt."""
        return self.tokens_per_class

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the class path, and of the row and bias of the cheap score."""
        levels, dim = self.encoder.depth - self.first_block, self.encoder.dim
        path = class_path.shapes(levels, dim, self.tokens_per_class, self.lora_rank)
        adapters = {name: path.pop(name) for name in list(path) if name.endswith(("_down", "_up"))}
        return {**path, "cheap_row": (dim,), "cheap_bias": (), **adapters}

    def draw(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Return an untrained weight of one class, see `class_path.draw`."""
        return class_path.draw(shape, name, self._middle, generator)

    def score_states(self, weights: Weights, states: Tensor) -> Tensor:
        """Return the scores of the class path."""
        return class_path.score_states(self.encoder, self.first_block, weights, states)

    def cheap_scores(self, weights: Weights, states: Tensor) -> Tensor:
        """Return scores of the CLS state that enters the last block."""
        last = self.encoder.summary(states[:, -1])
        return shortlist.cheap_scores(last, weights["cheap_row"], weights["cheap_bias"])

    @torch.no_grad()
    def score_bank(self, bank: PromptBank, pixels: Tensor, labels: Sequence[str]) -> Tensor:
        """Return the scores of the slots in blocks with one of `labels`; the image goes through the backbone once."""
        first, encoder = self.first_block, self.encoder
        image = [(k, v) for _, k, v in islice(encoder.walk(pixels), first, encoder.depth)]
        out = torch.zeros(len(pixels), bank.capacity, device=pixels.device)
        for block in bank.live_blocks(labels):
            slots = slice(block.start, block.stop)
            at_once = len(pixels)
            if pixels.device.type == "cpu":
                at_once = max(1, ROWS // (len(block) * self.tokens_per_class))
            weights = {name: tensor[slots] for name, tensor in bank.packed.items()}
            for start in range(0, len(pixels), at_once):
                rows = slice(start, min(start + at_once, len(pixels)))
                part = [(k[rows], v[rows]) for k, v in image]
                count = rows.stop - rows.start
                out[rows, slots] = class_path.score(
                    encoder.blocks[first:], weights, part, count, encoder.dtype
                )
        return out

    @torch.no_grad()
    def score_shortlist(self, bank: PromptBank, pixels: Tensor, labels: Sequence[str], size: int) -> Tensor:
        """Return full scores of each image's best classes, see `shortlist`."""
        return shortlist.score(self.encoder, self.first_block, bank, pixels, labels, size)

    @cached_property
    def _middle(self) -> Tensor:
        return class_path.middle(self.encoder, self.first_block)
