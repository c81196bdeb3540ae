"""Fisher forgetting: noise on every parameter, larger where the parameter matters less for the retained data.

Golatkar, Achille and Soatto, arXiv 1911.04933, Fisher forgetting: `theta + (lambda sigma^2)^(1/4) F^(-1/4) n` with `n`
from N(0, I) and `F` the diagonal Fisher information of the retained data, with labels drawn from the classifier's own
answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from preforget.baselines.descent import all_logits
from preforget.baselines.examples import reading
from preforget.baselines.importance import diagonal_fisher, drawn_targets
from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import METHODS, Grid, Method
from preforget.core.options import Options
from preforget.data.dataset import Split, names_of


@dataclass(frozen=True)
class FisherConfig(Options):
    """Options: `scale` is `(lambda sigma^2)^(1/4)`, `floor` the least Fisher information, as in the authors' code.

    `reset_row`: as their code also does, first set the head rows of wholly forgotten classes to zero.
    """

    scale: float = 1e-3
    floor: float = 1e-8
    reset_row: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_numbers(scale=(0, 1e3), floor=(1e-30, 1))


def noise_scale(fisher: Tensor, scale: float, floor: float) -> Tensor:
    """Return the standard deviation of each parameter's noise, `scale (F + floor)^(-1/4)`.

    >>> noise_scale(torch.tensor([1.0, 16.0]), scale=1.0, floor=0.0)
    tensor([1.0000, 0.5000])
    """
    return scale * (fisher + floor).pow(-0.25)


@METHODS.register("fisher")
class Fisher(Method):
    """Adds noise once; the forgotten inputs are not used."""

    name = "fisher"
    source = "Golatkar, Achille and Soatto, arXiv 1911.04933, Fisher forgetting"
    config_type = FisherConfig
    search: ClassVar[Grid] = {"scale": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), "reset_row": (False, True)}
    config: FisherConfig

    def unlearn(
        self, original: LoraHead, forget: Split, retain: Split, generator: torch.Generator
    ) -> LoraHead:
        """Return the classifier with noise."""
        c = self.config
        with reading(original, retain) as (kept,):
            relabelled = kept.with_target(drawn_targets(all_logits(original, kept), generator))
            fisher = diagonal_fisher(original, relabelled)
        parameters = {name: tensor.clone() for name, tensor in original.parameters.items()}
        if c.reset_row:
            vanished = set(names_of(forget.labels)) - set(names_of(retain.labels))
            for row in (original.labels.index(label) for label in sorted(vanished)):
                parameters["head.weight"][row] = 0
                parameters["head.bias"][row] = 0
        for name, tensor in parameters.items():
            drawn = torch.randn(tensor.shape, generator=generator).to(tensor.device)
            tensor += noise_scale(fisher[name], c.scale, c.floor) * drawn
        return original.changed(parameters)
