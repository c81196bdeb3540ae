"""SalUn: random labels, learned only by the parameters that matter most for the forgotten data.

Fan et al., arXiv 2310.12508: the mask is 1 where `|d/dtheta E_Df CE|` at the original reaches a threshold,
here the median, and the rest keeps its original value while random labels are learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.baselines.descent import cross_entropy, descend
from preforget.baselines.examples import Examples, reading
from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import METHODS, DescentConfig, Grid, Method
from preforget.baselines.random_label import relabelled
from preforget.data.dataset import Split

AT_ONCE = 128


@dataclass(frozen=True)
class SalUnConfig(DescentConfig):
    """Options: the schedule, in passes over all inputs, and the `share` of parameters that may move."""

    share: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_numbers(share=(0, 1))


def saliency_mask(gradients: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Return 0/1 tensors shaped like the gradients: 1 for the `share` of all numbers that are largest in size.

    Among equal numbers the earlier ones come first, so the count is always `round(share * all)`.
    """
    sizes = torch.cat([gradient.abs().flatten() for gradient in gradients.values()])
    order = sizes.argsort(descending=True, stable=True)
    mask = torch.zeros_like(sizes)
    mask[order[: round(share * len(sizes))]] = 1
    parts = mask.split([gradient.numel() for gradient in gradients.values()])
    return {
        name: part.view_as(gradient) for (name, gradient), part in zip(gradients.items(), parts, strict=True)
    }


def forgetting_gradient(model: LoraHead, examples: Examples) -> dict[str, Tensor]:
    """Return the gradient of the mean cross-entropy of all examples at the model's parameters, without dropout."""
    parameters = model.copied()
    total = {name: torch.zeros_like(tensor) for name, tensor in model.parameters.items()}
    for states, target in examples.batches(AT_ONCE):
        loss = F.cross_entropy(model.logits(parameters, states), target, reduction="sum") / len(examples)
        for name, gradient in zip(total, torch.autograd.grad(loss, list(parameters.values())), strict=True):
            total[name] += gradient
    return total


@METHODS.register("salun")
class SalUn(Method):
    """Random labels under a saliency mask."""

    name = "salun"
    source = "Fan et al., arXiv 2310.12508, SalUn with random labels"
    config_type = SalUnConfig
    search: ClassVar[Grid] = {
        "learning_rate": (1e-4, 3e-4, 1e-3, 3e-3),
        "epochs": (3, 10),
        "share": (0.3, 0.5),
    }
    config: SalUnConfig

    def unlearn(
        self, original: LoraHead, forget: Split, retain: Split, generator: torch.Generator
    ) -> LoraHead:
        """Return the classifier that learned the wrong labels in its salient parameters."""
        parameters = original.copied()
        with reading(original, forget, retain) as (gone, kept):
            masks = saliency_mask(forgetting_gradient(original, gone), self.config.share)
            examples = relabelled(gone, kept, generator)
            loss = cross_entropy(original, parameters, examples)
            descend(parameters, loss, len(examples), self.config, generator, masks=masks)
        return original.changed(parameters)
