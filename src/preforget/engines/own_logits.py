"""How the logits of a class's pairs lie for its own held-out images: an unknown image often lies outside of that.

`C` classes, `n` images. An unknown image can be far on the right side of every pair of the class it is answered with,
which looks sure; for the class's own images such logits are rare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

FEWEST = 20
"""From so few held-out images on, mean and deviation are estimated well enough to judge by."""

WIDTH = 20.0
"""The mean squared deviation is divided by it, so that it counts as much as the other parts of confidence."""

LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class OwnLogits:
    """Mean and deviation, `[C, C]`, of the logits of class `i` against class `j`, for held-out images of class `i`.

    `judged [C]`: whether a class has enough of them.
    """

    mean: Tensor
    deviation: Tensor
    judged: Tensor

    @classmethod
    def of(cls, logits: Sequence[Tensor]) -> OwnLogits:
        """Measure the logits of each class's held-out images against all classes, `[v, C]` each."""
        size = len(logits)
        mean, deviation = torch.zeros(2, size, size, dtype=torch.float64)
        judged = torch.tensor([len(class_logits) >= FEWEST for class_logits in logits], dtype=torch.bool)
        for column, class_logits in enumerate(logits):
            if judged[column]:
                mean[column] = class_logits.mean(dim=0)
                deviation[column] = class_logits.var(dim=0, correction=0).sqrt()
        return cls(mean, deviation, judged)

    def oddness(self, logits: Tensor, best: Tensor) -> Tensor:
        """Return `[n]`, 0 and below: minus how far the logits of class `best [n]` against all, `[n, C]`, are off.

        It is `- mean_j t_ij^2 / WIDTH` with `t` the logits less their mean, over their deviation; of a class with too
        few held-out images it is what its own images have on average.
        """
        others = max(1, logits.shape[1] - 1)
        standard = (logits - self.mean[best]) / (self.deviation[best] + LEAST)
        squares = standard.square().scatter(1, best[:, None], 0.0).sum(dim=1) / others
        return -torch.where(self.judged[best], squares, torch.ones_like(squares)) / WIDTH

    def without(self, column: int) -> OwnLogits:
        """Return the same without a class."""
        kept = [other for other in range(len(self.judged)) if other != column]
        return OwnLogits(self.mean[kept][:, kept], self.deviation[kept][:, kept], self.judged[kept])

    def wipe(self) -> None:
        """Overwrite what was measured: freed memory keeps its content."""
        self.mean.zero_()
        self.deviation.zero_()
