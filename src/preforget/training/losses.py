"""Losses of the engines as pure functions of scores and labels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def with_abstain(scores: Tensor) -> Tensor:
    """Append the abstain column, which scores 0: `[batch, classes]` becomes `[batch, classes + 1]`."""
    return torch.cat([scores, scores.new_zeros(len(scores), 1)], dim=1)


def answer_loss(scores: Tensor, target: Tensor) -> Tensor:
    """Return the mean cross-entropy of `target [batch]` over all classes and abstain."""
    return F.cross_entropy(with_abstain(scores), target)


def abstain_loss(scores: Tensor, target: Tensor) -> Tensor:
    """Return the mean cross-entropy towards abstain with each input's true class taken out.

    It is the loss that the model would have on the input had its class been forgotten; since scores don't depend
    on each other, it needs no second forward pass.
    """
    absent = with_abstain(scores).scatter(1, target[:, None], float("-inf"))
    return F.cross_entropy(absent, torch.full_like(target, scores.shape[1]))


def uniform_loss(logits: Tensor) -> Tensor:
    """Return `KL(uniform || softmax(logits))`, mean over the batch; 0 where all logits of an input are equal."""
    uniform = torch.full_like(logits, 1 / logits.shape[1])
    return F.kl_div(F.log_softmax(logits, dim=1), uniform, reduction="batchmean")
