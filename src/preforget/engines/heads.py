"""How the exact engine answers: what is derived from the units of the classes that are scored, and from nothing else.

`n` images, `C` classes in sorted order, `P` pairs of them, `F` features; all in float64 on the CPU.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.engines.discriminant import Gaussian

SOFTNESS = 0.03
"""How much of a discriminant's margin counts for confidence: chosen on validation data of blood cells and digits."""


class Heads(ABC):
    """Scores of `C` classes and confidence from features; `rows` are the discriminants."""

    rows: Tensor

    @abstractmethod
    def scores(self, features: Tensor, boost: Tensor | None = None) -> Tensor:
        """Return `[n, C]` for features `[n, F]`; `boost [n, P]` is added to the pairs' logits."""

    @abstractmethod
    def _margins(self, features: Tensor) -> Tensor:
        """Return `[n, C]`: how far each class is ahead of the others, softly, in 0 and below."""

    @abstractmethod
    def _energies(self, near: Tensor, best: Tensor) -> Tensor:
        """Return `[n]`: how typical of class `best [n]` the features at the lowest depth are, `[n, f]`."""

    def confidence(self, features: Tensor, near: int) -> Tensor:
        """Return `[n]`: soft margin and energy of the class that the closed form answers.

        `near`: how many of the first features the energy looks at. It is that of the answered class, so it tells the
        unknown from the known even where a single class is left.
        """
        best = self.scores(features).argmax(dim=1)
        margins = self._margins(features).gather(1, best[:, None])[:, 0]
        return margins + self._energies(features[:, :near], best)


class PairHeads(Heads):
    """One discriminant per pair; a class scores the sum of the log-sigmoids of its pairs."""

    def __init__(self, rows: Tensor, biases: Tensor, gaussians: Sequence[Gaussian]) -> None:
        self.rows, self.biases, self.gaussians = rows, biases, gaussians
        pairs = torch.tensor(list(combinations(range(len(gaussians)), 2)), dtype=torch.long).view(-1, 2)
        self.first, self.second = pairs[:, 0], pairs[:, 1]

    def scores(self, features: Tensor, boost: Tensor | None = None) -> Tensor:
        """Return `[n, C]`."""
        logits = F.linear(features, self.rows, self.biases)
        return self._summed(logits if boost is None else logits + boost)

    def _margins(self, features: Tensor) -> Tensor:
        logits = F.linear(features, self.rows, self.biases)
        return self._summed(SOFTNESS * logits) / max(1, len(self.gaussians) - 1)

    def _summed(self, logits: Tensor) -> Tensor:
        out = logits.new_zeros(len(logits), len(self.gaussians))
        out.index_add_(1, self.first, F.logsigmoid(logits))
        return out.index_add_(1, self.second, F.logsigmoid(-logits))

    def _energies(self, near: Tensor, best: Tensor) -> Tensor:
        out = near.new_empty(len(near))
        for column in best.unique().tolist():
            out[best == column] = self.gaussians[column].energy(near[best == column])
        return out


class PooledHeads(Heads):
    """One covariance for all classes; a class scores its log-share among them."""

    def __init__(self, rows: Tensor, biases: Tensor, means: Tensor, gaussian: Gaussian) -> None:
        self.rows, self.biases, self.means, self.gaussian = rows, biases, means, gaussian

    def scores(self, features: Tensor, boost: Tensor | None = None) -> Tensor:
        """Return `[n, C]`; there are no pairs to boost."""
        return torch.log_softmax(F.linear(features, self.rows, self.biases), dim=1)

    def _margins(self, features: Tensor) -> Tensor:
        linear = F.linear(features, self.rows, self.biases)
        best, column = linear.max(dim=1, keepdim=True)
        ahead = F.logsigmoid(SOFTNESS * (best - linear)).scatter(1, column, 0.0)
        margin = ahead.sum(dim=1, keepdim=True) / max(1, linear.shape[1] - 1)
        return margin.expand(-1, linear.shape[1])

    def _energies(self, near: Tensor, best: Tensor) -> Tensor:
        return self.gaussian.energy(near, self.means[best])
