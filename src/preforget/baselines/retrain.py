"""Retrain: learn anew from the retained data alone. The oracle that every other method is measured against."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import METHODS, Method
from preforget.core.options import Options
from preforget.data.dataset import Split
from preforget.engines.base import Session


@dataclass(frozen=True)
class RetrainConfig(Options):
    """No options: the recipe and the seed are those of the original."""


@METHODS.register("retrain")
class Retrain(Method):
    """Runs the original's recipe, with its seed, on the retained inputs; a forgotten class has no column.

    Nothing is drawn from `generator`: a retrained model differs from the original in the data alone.
    """

    name = "retrain"
    source = "the definition of exact unlearning (Bourtoule et al., arXiv 1912.03817)"
    config_type = RetrainConfig

    def unlearn(
        self, original: LoraHead, forget: Split, retain: Split, generator: torch.Generator
    ) -> LoraHead:
        """Return a classifier that never saw `forget`."""
        del forget, generator
        other = LoraHead(original.encoder, original.config)
        other.learn(retain, Session())
        return other
