"""Random subsets of classes: which prompts an input sees in a training step of the paper engine."""

from __future__ import annotations

import torch
from torch import Tensor


def wrong_subset(target: Tensor, classes: int, generator: torch.Generator) -> Tensor:
    """Return `bool [batch, classes]`: a random subset of the classes other than `target [batch]`.

    The subset's size is uniform in 0..classes-1, and every subset of that size is equally likely.
    """
    size = torch.randint(0, classes, (len(target), 1), generator=generator)
    draw = torch.rand(len(target), classes, generator=generator)
    draw.scatter_(1, target[:, None].cpu(), 2.0)  # the input's own class always comes last
    rank = draw.argsort(dim=1).argsort(dim=1)
    return (rank < size).to(target.device)


def own_and_wrong_subset(target: Tensor, classes: int, generator: torch.Generator) -> Tensor:
    """Return `bool [batch, classes]`: each input's class and a random subset of the others, see `wrong_subset`."""
    return wrong_subset(target, classes, generator).scatter(1, target[:, None], True)
