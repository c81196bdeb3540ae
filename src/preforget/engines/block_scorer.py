"""A class as a prompt that goes through the blocks of a transformer beside the frozen image path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from preforget.backbones import class_path
from preforget.backbones.encoder import Encoder
from preforget.engines import shortlist
from preforget.engines.options.isolated import STEPS
from preforget.engines.scorer import Scorer, Weights
from preforget.records import PromptBank


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
    def score_bank(self, bank: PromptBank, pixels: Tensor) -> Tensor:
        """Return the scores of all slots; the image goes through the backbone once."""
        blocks = bank.live_blocks()
        slots = {b: slice(b.start, b.stop) for b in blocks}
        weights = {b: {n: t[slots[b]] for n, t in bank.packed.items()} for b in blocks}
        out = torch.zeros(len(pixels), bank.capacity, device=pixels.device)
        paths = {b: class_path.start(weights[b], len(pixels), self.encoder.dtype) for b in blocks}
        sums = {b: weights[b]["bias"].expand(len(pixels), -1) for b in blocks}
        walked = zip(self.encoder.blocks, self.encoder.walk(pixels), strict=False)
        for number, (block, (_, keys, values)) in enumerate(walked):
            level = number - self.first_block
            if level < 0:
                continue
            keys, values = class_path.side_by_side(keys, values)
            for b in blocks:
                at_level = class_path.at_level(weights[b], level)
                paths[b] = class_path.advance(block, paths[b], at_level, keys, values)
                sums[b] = sums[b] + class_path.read(paths[b], at_level["row"])
        for b in blocks:
            out[:, slots[b]] = sums[b]
        return out

    @torch.no_grad()
    def score_shortlist(self, bank: PromptBank, pixels: Tensor, labels: Sequence[str], size: int) -> Tensor:
        """Return full scores of each image's best classes, see `shortlist`."""
        return shortlist.score(self.encoder, self.first_block, bank, pixels, labels, size)

    @cached_property
    def _middle(self) -> Tensor:
        return class_path.middle(self.encoder, self.first_block)
