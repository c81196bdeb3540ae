"""Random label: learn the forgotten inputs with wrong labels, and the retained ones with theirs.

Golatkar et al., arXiv 1911.04933 (random labels), and Graves et al., arXiv 2010.10981 (amnesiac
unlearning): each forgotten input gets one wrong label, drawn once; then learning goes on with all inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from preforget.baselines.descent import cross_entropy, descend
from preforget.baselines.examples import Examples, reading
from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import METHODS, DescentConfig, Grid, Method
from preforget.core.errors import UsageError
from preforget.data.dataset import Split


@dataclass(frozen=True)
class RandomLabelConfig(DescentConfig):
    """Options: the schedule, in passes over all inputs."""


def wrong_columns(target: Tensor, allowed: Tensor, generator: torch.Generator) -> Tensor:
    """Draw for each true column `[n]` another one, each of `allowed [m]` except the true one equally likely.

    Raises `UsageError` if no other column is left.
    """
    choice = (allowed[None] != target[:, None]).double()
    if (choice.sum(dim=1) == 0).any():
        raise UsageError(
            "a wrong label can't be drawn: no other class is retained; retain images of one more class"
        )
    return allowed[torch.multinomial(choice, 1, generator=generator)[:, 0]]


def relabelled(gone: Examples, kept: Examples, generator: torch.Generator) -> Examples:
    """Return the forgotten examples with wrong labels among the retained classes, and the retained ones."""
    return gone.with_target(wrong_columns(gone.target, kept.target.unique(), generator)) + kept


@METHODS.register("random_label")
class RandomLabel(Method):
    """Cross-entropy on all inputs, the forgotten ones with wrong labels."""

    name = "random_label"
    source = "Graves et al., arXiv 2010.10981 (amnesiac); Golatkar et al., arXiv 1911.04933 (random labels)"
    config_type = RandomLabelConfig
    search: ClassVar[Grid] = {"learning_rate": (1e-4, 3e-4, 1e-3, 3e-3), "epochs": (3, 10)}
    config: RandomLabelConfig

    def unlearn(
        self, original: LoraHead, forget: Split, retain: Split, generator: torch.Generator
    ) -> LoraHead:
        """Return the classifier that learned the wrong labels."""
        parameters = original.copied()
        with reading(original, forget, retain) as (gone, kept):
            examples = relabelled(gone, kept, generator)
            loss = cross_entropy(original, parameters, examples)
            descend(parameters, loss, len(examples), self.config, generator)
        return original.changed(parameters)
