"""Fine-tune: continue learning from the retained data, so that the rest may fade.

Warnecke et al., arXiv 2108.11577, and Golatkar et al., arXiv 1911.04933, use it as a baseline:
`min over theta of E_Dr CE(f(x; theta), y)`, from the original's parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from preforget.baselines.descent import cross_entropy, descend
from preforget.baselines.examples import reading
from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import METHODS, DescentConfig, Grid, Method
from preforget.data.dataset import Split


@dataclass(frozen=True)
class FineTuneConfig(DescentConfig):
    """Options: the schedule alone."""


@METHODS.register("fine_tune")
class FineTune(Method):
    """Cross-entropy on the retained inputs, from the original's parameters."""

    name = "fine_tune"
    source = "Golatkar, Achille and Soatto, arXiv 1911.04933, fine-tune"
    config_type = FineTuneConfig
    search: ClassVar[Grid] = {"learning_rate": (3e-4, 1e-3, 3e-3, 1e-2), "epochs": (5, 10)}
    config: FineTuneConfig

    def unlearn(
        self, original: LoraHead, forget: Split, retain: Split, generator: torch.Generator
    ) -> LoraHead:
        """Return the fine-tuned classifier; the inputs `forget` are not used."""
        del forget
        parameters = original.copied()
        with reading(original, retain) as (kept,):
            loss = cross_entropy(original, parameters, kept)
            descend(parameters, loss, len(kept), self.config, generator)
        return original.changed(parameters)
