"""NegGrad+: descend on the retained and ascend on the forgotten data, in one loss.

Kurmanji et al., arXiv 2302.09880 (NegGrad+):
`L = beta E_Dr CE(f(x), y) - (1 - beta) E_Df CE(f(x), y)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.baselines.descent import descend, draw_seed
from preforget.baselines.examples import reading
from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import METHODS, DescentConfig, Grid, Method
from preforget.data.dataset import Split


@dataclass(frozen=True)
class NegGradPlusConfig(DescentConfig):
    """Options: the schedule, in passes over the retained inputs, and `beta`, the weight of their loss."""

    epochs: int = 5
    learning_rate: float = 5e-4
    beta: float = 0.95

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_numbers(beta=(0, 1))


def neg_grad_plus_loss(
    retain_logits: Tensor, retain_target: Tensor, forget_logits: Tensor, forget_target: Tensor, beta: float
) -> Tensor:
    """Return the loss of a batch of each, logits `[batch, classes]` and columns `[batch]`; it has no lower bound."""
    kept = F.cross_entropy(retain_logits, retain_target)
    return beta * kept - (1 - beta) * F.cross_entropy(forget_logits, forget_target)


@METHODS.register("neg_grad_plus")
class NegGradPlus(Method):
    """Each step takes a batch of retained inputs and as many forgotten ones, drawn with replacement."""

    name = "neg_grad_plus"
    source = "Kurmanji et al., arXiv 2302.09880, NegGrad+"
    config_type = NegGradPlusConfig
    search: ClassVar[Grid] = {"beta": (0.5, 0.9, 0.95, 0.99), "learning_rate": (1e-4, 5e-4, 1e-3, 3e-3)}
    config: NegGradPlusConfig

    def unlearn(
        self, original: LoraHead, forget: Split, retain: Split, generator: torch.Generator
    ) -> LoraHead:
        """Return the classifier after the last step."""
        parameters = original.copied()
        # another stream than dropout's, which may lie on a GPU
        picks = torch.Generator().manual_seed(draw_seed(generator))
        with reading(original, forget, retain) as (gone, kept):

            def loss(indices: Tensor, noise: torch.Generator) -> Tensor:
                chosen = torch.randint(len(gone), (len(indices),), generator=picks)
                (retain_states, retain_target), (forget_states, forget_target) = (
                    kept.batch(indices),
                    gone.batch(chosen),
                )
                logits = original.logits(parameters, torch.cat([retain_states, forget_states]), noise)
                retained, forgotten = logits.split([len(indices), len(chosen)])
                return neg_grad_plus_loss(retained, retain_target, forgotten, forget_target, self.config.beta)

            descend(parameters, loss, len(kept), self.config, generator)
        return original.changed(parameters)
