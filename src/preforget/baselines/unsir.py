"""UNSIR: noise that maximises the error on the forgotten class impairs it; retained data then repair the rest.

Tarun et al., arXiv 2111.08947, UNSIR: noise `N` of a class `c` minimises `-CE(f(N), c) + lambda |N|^2` (mean over
the noise inputs); impair: one pass over the noise, labelled `c`, and a sample of the retained data; repair: one pass
over that sample alone. Noise is learned on the normalised input, the encoder frozen as always.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.baselines.descent import cross_entropy, descend
from preforget.baselines.examples import Examples, reading
from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import METHODS, DescentConfig, Grid, Method
from preforget.core.options import Options
from preforget.data.dataset import Split
from preforget.training.adam import Adam


@dataclass(frozen=True)
class UnsirConfig(Options):
    """Options: how noise is learned, `noise_images` per class, each seen `repeats` times; rates of the two passes."""

    noise_images: int = 32
    noise_steps: int = 40
    noise_rate: float = 0.1
    noise_penalty: float = 0.1
    repeats: int = 20
    impair_rate: float = 0.02
    repair_rate: float = 0.01
    retain_share: float = 0.2
    batch_size: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole(noise_images=1, noise_steps=0, repeats=1, batch_size=1)
        rates = (1e-9, 10.0)
        self.check_numbers(noise_rate=rates, impair_rate=rates, repair_rate=rates)
        self.check_numbers(noise_penalty=(0, 1e3), retain_share=(0, 1))


def noise_loss(logits: Tensor, target: Tensor, noise: Tensor, penalty: float) -> Tensor:
    """Return what noise `[m, ...]` minimises: the negative error plus a penalty on its size."""
    return -F.cross_entropy(logits, target) + penalty * noise.square().flatten(1).sum(dim=1).mean()


def learned_noise(model: LoraHead, column: int, c: UnsirConfig, generator: torch.Generator) -> Tensor:
    """Return inputs `[noise_images, ...]` that the model finds least like the class of `column`."""
    encoder = model.encoder
    shape = encoder.noise(1).shape[1:]
    noise = torch.randn(c.noise_images, *shape, generator=generator).to(encoder.device).requires_grad_()
    target = torch.full((c.noise_images,), column, device=encoder.device)
    optimizer = Adam([noise], c.noise_rate)
    for _ in range(c.noise_steps):
        logits = model.logits(model.parameters, encoder.embed(noise.to(encoder.dtype)))
        (noise.grad,) = torch.autograd.grad(noise_loss(logits, target, noise, c.noise_penalty), noise)
        optimizer.step()
    return noise.detach()


@torch.no_grad()
def noise_examples(model: LoraHead, column: int, c: UnsirConfig, generator: torch.Generator) -> Examples:
    """Return learned noise as examples of the class of `column`, each `repeats` times."""
    with torch.enable_grad():
        noise = learned_noise(model, column, c, generator)
    states = model.encoder.embed(noise.to(model.encoder.dtype))
    examples = Examples.of(lambda rows: states[rows.to(states.device)], torch.full((len(states),), column))
    return examples.select(torch.arange(len(examples)).repeat(c.repeats))


@METHODS.register("unsir")
class Unsir(Method):
    """Impairs with noise and repairs; of the forgotten inputs only the classes are used."""

    name = "unsir"
    source = "Tarun et al., arXiv 2111.08947, UNSIR"
    config_type = UnsirConfig
    search: ClassVar[Grid] = {
        "impair_rate": (3e-3, 0.01, 0.02),
        "repair_rate": (1e-3, 3e-3, 0.01),
        "retain_share": (0.2, 1.0),
    }
    config: UnsirConfig

    def unlearn(
        self, original: LoraHead, forget: Split, retain: Split, generator: torch.Generator
    ) -> LoraHead:
        """Return the repaired classifier."""
        c, parameters = self.config, original.copied()
        with reading(original, forget, retain) as (gone, kept):
            sample = kept.sample(c.retain_share, generator)
            noisy = sample
            for column in gone.target.unique().tolist():
                noisy = noise_examples(original, column, c, generator) + noisy
            for examples, rate in ((noisy, c.impair_rate), (sample, c.repair_rate)):
                loss = cross_entropy(original, parameters, examples)
                descend(parameters, loss, len(examples), DescentConfig(1, c.batch_size, rate), generator)
        return original.changed(parameters)
