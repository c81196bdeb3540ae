"""Isolated prompts that tell two classes apart, learned from images of these two alone.

As the exact engine demands, every class has its own stream of images, seeded by the class, of which each step takes a
fixed number, for a fixed number of steps. A pair is learned by itself, in batches of one fixed shape, so that
nothing in it depends on a third class: learned without that class, it ends in the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones import class_path
from preforget.backbones.class_path import Weights
from preforget.backbones.encoder import Encoder
from preforget.core.seeds import derive_seed
from preforget.training.adam import Adam
from preforget.training.loop import Schedule
from preforget.training.state_cache import StateCache

PREFIX = "prompt."
"""What the names of a pair's learned tensors begin with in its record."""

PAIRS_AT_ONCE = 32

WEIGHT = 1.5
"""How much the logit of a prompt counts beside that of its pair's discriminant."""


@dataclass(frozen=True)
class Recipe:
    """How a pair is learned: where its path begins, its size, and its schedule."""

    first_block: int
    tokens: int
    rank: int
    steps: int
    images_per_class: int
    learning_rate: float
    seed: int

    def shapes(self, encoder: Encoder) -> dict[str, tuple[int, ...]]:
        """Return name and shape of a pair's learned tensors."""
        return class_path.shapes(encoder.depth - self.first_block, encoder.dim, self.tokens, self.rank)


def stream(label: str, images: int, recipe: Recipe) -> Tensor:
    """Return which images of a class each step takes, `[steps, images_per_class]`: shuffled rounds over all of them."""
    generator = torch.Generator().manual_seed(derive_seed(recipe.seed, "stream", label))
    wanted = recipe.steps * recipe.images_per_class
    rounds = [torch.randperm(images, generator=generator) for _ in range(-(-wanted // images))]
    return torch.cat(rounds)[:wanted].view(recipe.steps, recipe.images_per_class)


def learn_pair(
    encoder: Encoder, recipe: Recipe, pair: tuple[str, str], caches: tuple[StateCache, StateCache]
) -> dict[str, Tensor]:
    """Learn the prompt of a pair and return its tensors by name, without a first axis.

    Its score is a logit, positive for the first class; the loss is logistic.
    """
    middle = class_path.middle(encoder, recipe.first_block)
    generator = torch.Generator().manual_seed(derive_seed(recipe.seed, "pair", *pair))
    weights = {
        name: class_path.draw(shape, name, middle, generator)[None].to(encoder.device).requires_grad_()
        for name, shape in recipe.shapes(encoder).items()
    }
    schedule = Schedule(1, recipe.images_per_class, recipe.learning_rate, (0.9, 0.98), 50, cosine=True)
    slower = {"row": 1 / 3, "bias": 1 / 3}
    factors = [slower.get(name, 1.0) for name in weights]
    optimizer = Adam(weights.values(), recipe.learning_rate, schedule.betas, factors)
    target = torch.tensor([1.0, 0.0], device=encoder.device).repeat_interleave(recipe.images_per_class)
    streams = [stream(label, cache.size, recipe) for label, cache in zip(pair, caches, strict=True)]
    for step in range(recipe.steps):
        states = torch.cat([cache.get(images[step]) for cache, images in zip(caches, streams, strict=True)])
        optimizer.rate = schedule.rate(step, recipe.steps)
        optimizer.zero_grad()
        logits = class_path.score_states(encoder, recipe.first_block, weights, states)[:, 0]
        torch.autograd.backward(F.binary_cross_entropy_with_logits(logits, target))
        optimizer.step()
    return {name: weight.detach()[0].cpu() for name, weight in weights.items()}


def boost(
    encoder: Encoder,
    first_block: int,
    prompted: Sequence[tuple[int, Mapping[str, Tensor]]],
    walked: Sequence[tuple[Tensor, Tensor, Tensor]],
    classes: int,
) -> Tensor | None:
    """Return what prompts add to the logits of all pairs of `classes`, `float64 [batch, P]`; None without prompts.

    `prompted`: the number of each pair that has a prompt, and its tensors.
    """
    if not prompted:
        return None
    logits = score_pairs(encoder, first_block, [prompt for _, prompt in prompted], walked).cpu().double()
    added = torch.zeros(len(logits), classes * (classes - 1) // 2, dtype=torch.float64)
    added[:, [number for number, _ in prompted]] = WEIGHT * logits
    return added


@torch.no_grad()
def score_pairs(
    encoder: Encoder,
    first_block: int,
    pairs: Sequence[Mapping[str, Tensor]],
    walked: Sequence[tuple[Tensor, Tensor, Tensor]],
) -> Tensor:
    """Return the logits `float32 [batch, P]` of learned pairs from what `encoder.walk` yielded for a batch."""
    return torch.cat(
        [
            _score_some(encoder, first_block, pairs[start : start + PAIRS_AT_ONCE], walked)
            for start in range(0, len(pairs), PAIRS_AT_ONCE)
        ],
        dim=1,
    )


def _score_some(
    encoder: Encoder,
    first_block: int,
    pairs: Sequence[Mapping[str, Tensor]],
    walked: Sequence[tuple[Tensor, Tensor, Tensor]],
) -> Tensor:
    weights: Weights = {n: torch.stack([p[n] for p in pairs]).to(encoder.device) for n in pairs[0]}
    image = [(keys, values) for _, keys, values in walked[first_block : encoder.depth]]
    return class_path.score(encoder.blocks[first_block:], weights, image, len(walked[0][0]), encoder.dtype)
