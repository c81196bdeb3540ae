"""L1-sparse: fine-tune on the retained data while a penalty pulls parameters to zero.

Jia et al., arXiv 2304.04934: `min over theta of E_Dr CE(f(x; theta), y) + gamma |theta|_1`; `gamma` falls
linearly over the epochs, the schedule that the paper finds best. Here `theta` is what is trained: adapter and head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import ClassVar

import torch
from torch import Tensor

from preforget.baselines.descent import cross_entropy, descend
from preforget.baselines.examples import reading
from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import METHODS, DescentConfig, Grid, Method
from preforget.data.dataset import Split


@dataclass(frozen=True)
class L1SparseConfig(DescentConfig):
    """Options: the schedule, in passes over the retained inputs, and `gamma`, the penalty's weight at the start."""

    gamma: float = 5e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_numbers(gamma=(0, 1e3))


def l1_norm(parameters: Mapping[str, Tensor]) -> Tensor:
    """Return the sum of the sizes of all numbers, `()`."""
    return torch.stack([tensor.abs().sum() for tensor in parameters.values()]).sum()


def weight_at(gamma: float, epoch: int, epochs: int) -> float:
    """Return the penalty's weight in an epoch, counted from 0.

    >>> [weight_at(1.0, epoch, 4) for epoch in range(4)]
    [1.0, 0.75, 0.5, 0.25]
    """
    return gamma * (1 - epoch / epochs)


@METHODS.register("l1_sparse")
class L1Sparse(Method):
    """Cross-entropy on the retained inputs and a penalty that fades."""

    name = "l1_sparse"
    source = "Jia et al., arXiv 2304.04934, l1-sparse unlearning"
    config_type = L1SparseConfig
    search: ClassVar[Grid] = {"gamma": (1e-4, 1e-3, 1e-2, 1e-1), "learning_rate": (3e-4, 1e-3, 3e-3)}
    config: L1SparseConfig

    def unlearn(
        self, original: LoraHead, forget: Split, retain: Split, generator: torch.Generator
    ) -> LoraHead:
        """Return the fine-tuned classifier; the inputs `forget` are not used."""
        del forget
        c, parameters = self.config, original.copied()
        with reading(original, retain) as (kept,):
            ordinary, per_epoch, steps = (
                cross_entropy(original, parameters, kept),
                ceil(len(kept) / c.batch_size),
                0,
            )

            def loss(indices: Tensor, noise: torch.Generator) -> Tensor:
                nonlocal steps
                weight = weight_at(c.gamma, steps // per_epoch, c.epochs)
                steps += 1
                return ordinary(indices, noise) + weight * l1_norm(parameters)

            descend(parameters, loss, len(kept), c, generator)
        return original.changed(parameters)
