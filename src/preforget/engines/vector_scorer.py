"""A class as a small network on vectors: `score = w . x + v . gelu(A x + a) + b`, all of it the class's own.

`x` is both states of a vector that `backbones.vectors` gives, side by side: `2 d` numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones.encoder import Encoder
from preforget.core.errors import UsageError
from preforget.engines.scorer import Scorer, Weights
from preforget.records import PromptBank


@dataclass(frozen=True)
class VectorScorer(Scorer):
    """Scores by a row `w`, a bias `b` and a hidden layer of `rank` numbers per class, without it for rank 0."""

    rates: ClassVar[Mapping[str, float]] = dict.fromkeys(("row", "bias", "down", "shift", "up"), 10.0)
    steps: ClassVar[int] = 400

    encoder: Encoder
    rank: int

    @property
    def blocks(self) -> tuple[int, int]:
        """The input itself."""
        return 0, 0

    @property
    def tokens(self) -> int:
        """0: there is no backbone to go through."""
        return 0

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return `w` as `row`, `b` as `bias`, `A` as `down`, `a` as `shift` and `v` as `up`."""
        width = self.encoder.tokens * self.encoder.dim
        linear: dict[str, tuple[int, ...]] = {"row": (width,), "bias": ()}
        hidden = {"down": (self.rank, width), "shift": (self.rank,), "up": (self.rank,)}
        return linear | hidden if self.rank else linear

    def draw(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Return a random `A`, zeros for all else; a row of `A` gives about 1 for a vector of unit length."""
        if name == "down":
            return torch.randn(shape, generator=generator)
        return torch.zeros(shape)

    def score_states(self, weights: Weights, states: Tensor) -> Tensor:
        """Return the scores of the networks."""
        x = states.flatten(1)
        scores = F.linear(x, weights["row"], weights["bias"])
        if "down" not in weights:
            return scores
        hidden = F.linear(x, weights["down"].flatten(0, 1)).view(len(x), -1, self.rank) + weights["shift"]
        return scores + (F.gelu(hidden) * weights["up"]).sum(dim=-1)

    @torch.no_grad()
    def score_bank(self, bank: PromptBank, pixels: Tensor, labels: Sequence[str]) -> Tensor:
        """Return the scores of the slots in blocks with one of `labels`."""
        states = self.encoder.states(pixels, slice(0, 1))
        out = torch.zeros(len(states), bank.capacity, device=states.device)
        for block in bank.live_blocks(labels):
            slots = slice(block.start, block.stop)
            out[:, slots] = self.score_states({n: t[slots] for n, t in bank.packed.items()}, states)
        return out

    def score_shortlist(self, bank: PromptBank, pixels: Tensor, labels: Sequence[str], size: int) -> Tensor:
        """Refuse: scoring all classes of a vector is cheap already."""
        raise UsageError("on vectors all classes are scored at once, which is fast; leave shortlist out")
