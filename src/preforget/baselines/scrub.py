"""SCRUB: a student that disobeys the original on the forgotten data and obeys it on the retained.

Kurmanji et al., arXiv 2302.09880, SCRUB: `min alpha E_Dr d(x) + gamma E_Dr CE(f(x), y) - E_Df d(x)` with
`d(x) = T^2 KL(p_original(x) || p_student(x))` at temperature `T`. Each of the first `max_epochs` epochs begins with a
pass over the forgotten inputs that ascends in `d`; every epoch has a pass over the retained ones. Rewinding (SCRUB+R)
is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones.lora import generator_on
from preforget.baselines.descent import all_logits, descend_once, draw_seed
from preforget.baselines.distillation import divergence
from preforget.baselines.examples import reading
from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import METHODS, DescentConfig, Grid, Method
from preforget.data.dataset import Split
from preforget.training.adam import Adam


@dataclass(frozen=True)
class ScrubConfig(DescentConfig):
    """Options: `epochs` with a min pass each, `max_epochs` of them with a max pass first; weights of the terms."""

    epochs: int = 3
    learning_rate: float = 5e-4
    max_epochs: int = 2
    forget_batch_size: int = 32
    temperature: float = 2.0
    alpha: float = 0.5
    gamma: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole(max_epochs=0, forget_batch_size=1)
        self.check_numbers(temperature=(1e-3, 1e3), alpha=(0, 1e3), gamma=(0, 1e3))


def max_loss(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """Return what a max step descends, `-T^2 mean KL`, from logits `[batch, classes]`."""
    return -(temperature**2) * divergence(teacher, student, temperature).mean()


def min_loss(teacher: Tensor, student: Tensor, target: Tensor, c: ScrubConfig) -> Tensor:
    """Return what a min step descends, `alpha T^2 mean KL + gamma CE`, from logits `[batch, classes]`."""
    obeyed = -max_loss(teacher, student, c.temperature)
    return c.alpha * obeyed + c.gamma * F.cross_entropy(student, target)


@METHODS.register("scrub")
class Scrub(Method):
    """Alternates max passes and min passes with one Adam."""

    name = "scrub"
    source = "Kurmanji et al., arXiv 2302.09880, SCRUB"
    config_type = ScrubConfig
    search: ClassVar[Grid] = {
        "learning_rate": (1e-4, 5e-4, 1e-3, 3e-3),
        "max_epochs": (2, 3),
        "epochs": (3, 5),
    }
    config: ScrubConfig

    def unlearn(
        self, original: LoraHead, forget: Split, retain: Split, generator: torch.Generator
    ) -> LoraHead:
        """Return the student after the last min pass."""
        c, parameters = self.config, original.copied()
        optimizer = Adam(parameters.values(), c.learning_rate)
        order, stream = (torch.Generator().manual_seed(draw_seed(generator)) for _ in range(2))
        noise = generator_on(original.encoder.device, stream)
        with reading(original, forget, retain) as (gone, kept):
            teacher_gone, teacher_kept = all_logits(original, gone), all_logits(original, kept)

            def disobey(indices: Tensor) -> Tensor:
                states, _ = gone.batch(indices)
                student = original.logits(parameters, states, noise)
                return max_loss(teacher_gone[indices].to(student.device), student, c.temperature)

            def obey(indices: Tensor) -> Tensor:
                states, target = kept.batch(indices)
                student = original.logits(parameters, states, noise)
                return min_loss(teacher_kept[indices].to(student.device), student, target, c)

            for epoch in range(c.epochs):
                if epoch < c.max_epochs:
                    descend_once(optimizer, disobey, len(gone), c.forget_batch_size, order)
                descend_once(optimizer, obey, len(kept), c.batch_size, order)
        return original.changed(parameters)
