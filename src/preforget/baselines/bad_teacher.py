"""Bad Teacher: a student that learns the forgotten data from an untrained teacher, the retained from the original.

Chundawat et al., arXiv 2205.08096: `L(x) = (1 - u) KL(T_good(x) || S(x)) + u KL(T_bad(x) || S(x))`, with
`u = 1` for forgotten inputs. The bad teacher is the same frozen encoder with an untrained adapter and head, the
parts that are trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from preforget.baselines.descent import all_logits, descend
from preforget.baselines.distillation import divergence
from preforget.baselines.examples import reading
from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import METHODS, DescentConfig, Grid, Method
from preforget.data.dataset import Split


@dataclass(frozen=True)
class BadTeacherConfig(DescentConfig):
    """Options: the schedule, `temperature` of all answers, and the share of retained inputs that are used."""

    epochs: int = 1
    learning_rate: float = 1e-4
    temperature: float = 1.0
    retain_share: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_numbers(temperature=(1e-3, 1e3), retain_share=(0, 1))


def bad_teacher_loss(
    good: Tensor, bad: Tensor, student: Tensor, forgotten: Tensor, temperature: float = 1.0
) -> Tensor:
    """Return the mean loss of logits `[batch, classes]`; `forgotten [batch]` is 1 or 0, `u` in the formula."""
    obeyed = divergence(good, student, temperature)
    misled = divergence(bad, student, temperature)
    return ((1 - forgotten) * obeyed + forgotten * misled).mean()


@METHODS.register("bad_teacher")
class BadTeacher(Method):
    """Distils both teachers, on the forgotten inputs and a sample of the retained ones."""

    name = "bad_teacher"
    source = "Chundawat et al., arXiv 2205.08096, incompetent teacher"
    config_type = BadTeacherConfig
    search: ClassVar[Grid] = {"learning_rate": (1e-4, 3e-4, 1e-3, 3e-3), "epochs": (1, 3)}
    config: BadTeacherConfig

    def unlearn(
        self, original: LoraHead, forget: Split, retain: Split, generator: torch.Generator
    ) -> LoraHead:
        """Return the student."""
        c, parameters = self.config, original.copied()
        untrained = original.changed(original.untrained(len(original.labels), generator))
        with reading(original, forget, retain) as (gone, kept):
            examples = gone + kept.sample(c.retain_share, generator)
            good, bad = all_logits(original, examples), all_logits(untrained, examples)
            forgotten = (torch.arange(len(examples)) < len(gone)).float()

            def loss(indices: Tensor, noise: torch.Generator) -> Tensor:
                states, _ = examples.batch(indices)
                student = original.logits(parameters, states, noise)
                told_good, told_bad, u = (part[indices].to(student.device) for part in (good, bad, forgotten))
                return bad_teacher_loss(told_good, told_bad, student, u, c.temperature)

            descend(parameters, loss, len(examples), c, generator)
        return original.changed(parameters)
