"""A baseline of your own: NegGrad ascends in the loss of the forgotten images (Golatkar et al., arXiv 1911.04933).

To use it in a benchmark, name this file in the matrix,

    [[methods]]
    name = "neg_grad"
    file = "neg_grad.py"

or install it with the entry point

    [project.entry-points."preforget.baselines"]
    neg_grad = "neg_grad"

and write `methods = ["neg_grad"]`. From Python, importing this file is enough, in worker processes too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from preforget.baselines import (
    METHODS,
    DescentConfig,
    Grid,
    LoraHead,
    Method,
    cross_entropy,
    descend,
    reading,
)
from preforget.data import Split


@dataclass(frozen=True)
class NegGradConfig(DescentConfig):
    """Options: the schedule alone, in passes over the forgotten images."""

    epochs: int = 2
    learning_rate: float = 3e-4


@METHODS.register("neg_grad")
class NegGrad(Method):
    """Ascends in the cross-entropy of the forgotten images; it doesn't look at the retained ones."""

    name = "neg_grad"
    source = "Golatkar, Achille and Soatto, arXiv 1911.04933, negative gradient"
    config_type = NegGradConfig
    search: ClassVar[Grid] = {"learning_rate": (1e-4, 3e-4, 1e-3), "epochs": (1, 3)}
    config: NegGradConfig

    def unlearn(
        self, original: LoraHead, forget: Split, retain: Split, generator: torch.Generator
    ) -> LoraHead:
        """Return the classifier after the last step."""
        del retain
        parameters = original.copied()
        with reading(original, forget) as (examples,):
            ordinary = cross_entropy(original, parameters, examples)

            def loss(indices: Tensor, noise: torch.Generator) -> Tensor:
                return -ordinary(indices, noise)

            descend(parameters, loss, len(examples), self.config, generator)
        return original.changed(parameters)
