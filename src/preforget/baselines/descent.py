"""Gradient descent as all methods do it: Adam at a constant rate on copies of the classifier's parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones.lora import generator_on
from preforget.baselines.examples import Examples
from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import DescentConfig
from preforget.training.adam import Optimizer
from preforget.training.loop import Schedule, run

Weights = Mapping[str, Tensor]
Loss = Callable[[Tensor, torch.Generator], Tensor]
"""Takes indices `[batch]` and a generator on the encoder's device, for dropout; returns a number."""


def draw_seed(generator: torch.Generator) -> int:
    """Draw a seed, so that one generator can start several streams."""
    return int(torch.randint(2**62, (1,), generator=generator))


def descend(
    parameters: Weights,
    loss: Loss,
    count: int,
    config: DescentConfig,
    generator: torch.Generator,
    *,
    masks: Weights | None = None,
) -> None:
    """Train `parameters` in place by `loss` of batches of `count` examples, in an order that `generator` seeds.

    `masks`: 0/1 tensors by name; where they are 0 a parameter gets no gradient, so Adam leaves it as it is.
    """
    device = next(iter(parameters.values())).device

    def backward(indices: Tensor, noise: torch.Generator) -> None:
        torch.autograd.backward(loss(indices, generator_on(device, noise)))
        for name, mask in (masks or {}).items():
            gradient = parameters[name].grad
            if gradient is not None:
                gradient.mul_(mask)

    schedule = Schedule(config.epochs, config.batch_size, config.learning_rate)
    run(parameters, backward, examples=count, schedule=schedule, seed=draw_seed(generator))


def cross_entropy(model: LoraHead, parameters: Weights, examples: Examples) -> Loss:
    """Return the loss of ordinary learning: mean cross-entropy of a batch, with dropout."""

    def loss(indices: Tensor, noise: torch.Generator) -> Tensor:
        states, target = examples.batch(indices)
        return F.cross_entropy(model.logits(parameters, states, noise), target)

    return loss


@torch.no_grad()
def all_logits(model: LoraHead, examples: Examples, size: int = 128) -> Tensor:
    """Return the model's own logits for all examples, without dropout, `float32 [n, classes]` on the CPU."""
    return torch.cat([model.logits(model.parameters, states).cpu() for states, _ in examples.batches(size)])


def descend_once(
    optimizer: Optimizer,
    loss: Callable[[Tensor], Tensor],
    count: int,
    batch_size: int,
    order: torch.Generator,
) -> None:
    """Take one pass over `count` examples with a given optimizer, for methods that change their loss between passes."""
    for indices in torch.randperm(count, generator=order).split(batch_size):
        optimizer.zero_grad()
        torch.autograd.backward(loss(indices))
        optimizer.step()
