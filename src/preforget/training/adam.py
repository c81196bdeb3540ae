"""Adam: the steps of `torch.optim.Adam`, whose class imports torch's compiler, two seconds in every new process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.optim.adam import adam


class Optimizer(Protocol):
    """What takes a step along gradients; those of `torch.optim` are such, too."""

    def zero_grad(self) -> None:
        """Drop all gradients."""

    def step(self) -> object:
        """Change the parameters that have a gradient."""


class Adam:
    """Kingma and Ba, Adam (arXiv 1412.6980, algorithm 1), with the bits of `torch.optim.Adam`.

    `rate` is the learning rate of the next step; `factors` multiply it for each parameter. `state` holds, for each
    parameter that was changed, the number of steps and both moving averages.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        rate: float,
        betas: tuple[float, float] = (0.9, 0.999),
        factors: Sequence[float] | None = None,
    ) -> None:
        self.rate, self.betas = rate, betas
        self.state: dict[Tensor, dict[str, Tensor]] = {}
        listed = list(parameters)
        self._groups: dict[float, list[Tensor]] = {}
        for parameter, factor in zip(listed, factors or [1.0] * len(listed), strict=True):
            self._groups.setdefault(factor, []).append(parameter)

    def zero_grad(self) -> None:
        """Drop all gradients."""
        for parameters in self._groups.values():
            for parameter in parameters:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Change the parameters that have a gradient."""
        for factor, parameters in self._groups.items():
            changed = [parameter for parameter in parameters if parameter.grad is not None]
            for parameter in changed:
                if not self.state.get(parameter):
                    self.state[parameter] = _beginning(parameter)
            states = [self.state[parameter] for parameter in changed]
            adam(
                changed,
                [parameter.grad for parameter in changed if parameter.grad is not None],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                [state["step"] for state in states],
                amsgrad=False,
                beta1=self.betas[0],
                beta2=self.betas[1],
                lr=self.rate * factor,
                weight_decay=0.0,
                eps=1e-8,
                maximize=False,
            )


def _beginning(parameter: Tensor) -> dict[str, Tensor]:
    """Return the state before the first step; the number of steps stays on the CPU, as in torch."""
    return {
        "step": torch.zeros((), dtype=torch.float32),
        "exp_avg": torch.zeros_like(parameter),
        "exp_avg_sq": torch.zeros_like(parameter),
    }
