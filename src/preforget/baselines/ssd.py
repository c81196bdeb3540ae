"""Selective synaptic dampening: shrink the parameters that matter more for the forgotten data than for all data.

Foster, Schoepf and Brintrup, arXiv 2308.07707, selective synaptic dampening: with the diagonal Fisher
importances `I_D` of all data and `I_f` of the forgotten data, a parameter is selected where `I_f > alpha I_D`, and is
then multiplied by `min(lambda I_D / I_f, 1)`. No step is trained.

`I_f / I_D` can't exceed the number of all inputs divided by that of the forgotten ones, so an `alpha` of 5 selects
nothing if a fifth or more is forgotten; the search goes down to 0.3. Importances are means over single inputs, as in
the formula; the authors' code squares gradients of batches. `I_D` may be computed when learning; here it is part of
forgetting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from preforget.baselines.examples import reading
from preforget.baselines.importance import diagonal_fisher
from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import METHODS, Grid, Method
from preforget.core.options import Options
from preforget.data.dataset import Split


@dataclass(frozen=True)
class SsdConfig(Options):
    """Options: `alpha` selects, `dampening` (lambda in the paper) shrinks."""

    alpha: float = 5.0
    dampening: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_numbers(alpha=(0, 1e6), dampening=(0, 1e6))


def dampening_factor(whole: Tensor, forgotten: Tensor, alpha: float, dampening: float) -> Tensor:
    """Return what each parameter is multiplied by, in 0..1, from its importances for all and for forgotten data.

    >>> dampening_factor(torch.tensor([1.0, 1.0]), torch.tensor([4.0, 10.0]), alpha=5, dampening=1)
    tensor([1.0000, 0.1000])
    """
    selected = forgotten > alpha * whole
    # an importance of zero is never selected, so the quotient is only read where it is finite
    shrunk = (dampening * whole / forgotten.where(selected, torch.ones_like(forgotten))).clamp(max=1)
    return shrunk.where(selected, torch.ones_like(shrunk))


def dampened(
    parameters: Mapping[str, Tensor],
    whole: Mapping[str, Tensor],
    forgotten: Mapping[str, Tensor],
    c: SsdConfig,
) -> dict[str, Tensor]:
    """Return the parameters times their factors."""
    return {
        name: tensor * dampening_factor(whole[name], forgotten[name], c.alpha, c.dampening)
        for name, tensor in parameters.items()
    }


@METHODS.register("ssd")
class Ssd(Method):
    """Dampens once, from importances of the forgotten and of all inputs; draws nothing."""

    name = "ssd"
    source = "Foster, Schoepf and Brintrup, arXiv 2308.07707, selection and dampening"
    config_type = SsdConfig
    search: ClassVar[Grid] = {"alpha": (0.3, 1.0, 2.0, 5.0), "dampening": (0.1, 0.5, 1.0)}
    config: SsdConfig

    def unlearn(
        self, original: LoraHead, forget: Split, retain: Split, generator: torch.Generator
    ) -> LoraHead:
        """Return the dampened classifier."""
        del generator
        with reading(original, forget, retain) as (gone, kept):
            forgotten, retained = diagonal_fisher(original, gone), diagonal_fisher(original, kept)
        share = len(gone) / (len(gone) + len(kept))
        whole = {name: share * forgotten[name] + (1 - share) * retained[name] for name in forgotten}
        return original.changed(dampened(original.parameters, whole, forgotten, self.config))
