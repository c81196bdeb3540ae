"""How much each parameter matters for a set of inputs: the diagonal of the Fisher information.

`F_i = E_x E_y (d log p(y | x) / d theta_i)^2`, with `y` the labels of the inputs (empirical Fisher) or drawn from the
classifier's own answers (Fisher; Martens, arXiv 1412.1193). Gradients are those of single inputs, not of
batches, whose square would be another quantity.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from preforget.baselines.examples import Examples
from preforget.baselines.lora_head import LoraHead

AT_ONCE = 32


def diagonal_fisher(model: LoraHead, examples: Examples) -> dict[str, Tensor]:
    """Return the mean square of every parameter's gradient of `log p(target | x)`, shaped like the parameters."""

    def loss(parameters: Mapping[str, Tensor], states: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(model.logits(parameters, states[None]), target[None])

    per_image = vmap(grad(loss), in_dims=(None, 0, 0))
    importances = {name: torch.zeros_like(tensor) for name, tensor in model.parameters.items()}
    # fused attention has no rule for a gradient per input
    with sdpa_kernel(SDPBackend.MATH):
        for states, target in examples.batches(AT_ONCE):
            for name, gradient in per_image(model.parameters, states, target).items():
                importances[name] += gradient.square().sum(dim=0)
    return {name: total / len(examples) for name, total in importances.items()}


def drawn_targets(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a column `[n]` from the classifier's own answer to each input, `logits [n, classes]`."""
    return torch.multinomial(logits.softmax(dim=1), 1, generator=generator)[:, 0]
