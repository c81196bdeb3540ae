"""Boundary shrink: give each forgotten input the label across its nearest decision boundary, and learn that.

Chen et al., arXiv 2303.11570 (boundary shrink): `x' = x + epsilon sign(d CE(f(x), y) / dx)` crosses the
boundary (FGSM, arXiv 1412.6572); `y' = argmax f(x')` among the other labels; then `min E_Df CE(f(x), y')`. Of the
retained data only the names of the classes are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.baselines.descent import cross_entropy, descend
from preforget.baselines.examples import columns, reading
from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import METHODS, DescentConfig, Grid, Method
from preforget.core.errors import UsageError
from preforget.data.dataset import Split

AT_ONCE = 32


@dataclass(frozen=True)
class BoundaryShrinkConfig(DescentConfig):
    """Options: the schedule, in passes over the forgotten inputs, and `epsilon` in units of the normalised input.

    The paper's step is 0.1 of the range 0..1 of a pixel; with a deviation of 0.5 that is 0.2 here.
    """

    learning_rate: float = 1e-4
    epsilon: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_numbers(epsilon=(0, 1e3))


def nearest_wrong(logits: Tensor, target: Tensor, allowed: Tensor) -> Tensor:
    """Return the best column `[batch]` of logits `[batch, classes]` among `allowed [m]`, without the true one.

    Raises `UsageError` if none is left.
    """
    open_to = torch.zeros_like(logits, dtype=torch.bool)
    open_to[:, allowed] = True
    open_to[torch.arange(len(target)), target] = False
    if not open_to.any(dim=1).all():
        raise UsageError(
            "no other class is retained, so there is no boundary; retain images of one more class"
        )
    return logits.where(open_to, torch.full_like(logits, float("-inf"))).argmax(dim=1)


def crossed(model: LoraHead, pixels: Tensor, target: Tensor, epsilon: float) -> Tensor:
    """Return the inputs `[batch, ...]` after one step that raises their cross-entropy; values aren't clipped."""
    x = pixels.detach().clone().requires_grad_()
    loss = F.cross_entropy(model.logits(model.parameters, model.encoder.embed(x)), target, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, x)
    return x.detach() + epsilon * gradient.sign()


def nearest_labels(model: LoraHead, split: Split, target: Tensor, allowed: Tensor, epsilon: float) -> Tensor:
    """Return the column across the nearest boundary of each input of a split, `[n]` on the CPU."""
    nearest = []
    for rows in torch.arange(len(split)).split(AT_ONCE):
        pixels = model.encoder.read(split.inputs, rows.tolist())
        moved = crossed(model, pixels, target[rows].to(pixels.device), epsilon)
        with torch.no_grad():
            logits = model.logits(model.parameters, model.encoder.embed(moved)).cpu()
        nearest.append(nearest_wrong(logits, target[rows], allowed))
    return torch.cat(nearest)


@METHODS.register("boundary_shrink")
class BoundaryShrink(Method):
    """Cross-entropy on the forgotten inputs with their neighbours' labels; answers go to retained classes alone."""

    name = "boundary_shrink"
    source = "Chen et al., arXiv 2303.11570, boundary shrink"
    config_type = BoundaryShrinkConfig
    search: ClassVar[Grid] = {"learning_rate": (1e-4, 3e-4, 1e-3, 3e-3), "epochs": (3, 10), "epsilon": (0.2,)}
    config: BoundaryShrinkConfig

    def unlearn(
        self, original: LoraHead, forget: Split, retain: Split, generator: torch.Generator
    ) -> LoraHead:
        """Return the classifier that learned the neighbours' labels."""
        parameters = original.copied()
        allowed = columns(original.labels, retain).unique()
        with reading(original, forget) as (gone,):
            nearest = nearest_labels(original, forget, gone.target, allowed, self.config.epsilon)
            loss = cross_entropy(original, parameters, gone.with_target(nearest))
            descend(parameters, loss, len(gone), self.config, generator)
        return original.changed(parameters)
