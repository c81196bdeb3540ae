"""How the exact engine answers: what is derived from the units of the classes that are scored, and from nothing else.

`n` images, `C` classes in sorted order, `P` pairs of them, `F` features; all in float64 on the CPU.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.engines.discriminant import Gaussian
from preforget.engines.own_logits import OwnLogits

LEAST_SHARE = -50.0
"""The least log-share of a class among its pairs: beyond that, the regression decides."""

OWN_WEIGHT = 0.25
"""How much it counts for confidence that logits are unlike those of the answered class's held-out images."""

SOFTNESS = 0.03
"""How much of a discriminant's margin counts for confidence: chosen on validation data of blood cells and digits."""


@dataclass(frozen=True, eq=False)
class RidgeHead:
    """Rows `[C, F]`, biases `[C]` and weight of a ridge regression to all classes."""

    rows: Tensor
    biases: Tensor
    weight: float

    def scores(self, features: Tensor) -> Tensor:
        """Return what it adds to the scores, `[n, C]`."""
        return self.weight * F.linear(features, self.rows, self.biases)

    def without(self, column: int) -> RidgeHead:
        """Return the same without a class's row."""
        kept = torch.arange(len(self.rows)) != column
        return RidgeHead(self.rows[kept], self.biases[kept], self.weight)


class Heads(ABC):
    """Scores of `C` classes and confidence from features; `rows` are the discriminants."""

    rows: Tensor

    @abstractmethod
    def scores(self, features: Tensor, boost: Tensor | None = None) -> Tensor:
        """Return `[n, C]` for features `[n, F]`; `boost [n, P]` is added to the pairs' logits."""

    @abstractmethod
    def without(self, column: int) -> Heads:
        """Return heads that don't score a class, which answer its images as if it were unknown.

        What all classes share, a regression or a covariance, still has it in: it is not derived anew.
        """

    @abstractmethod
    def _margins(self, features: Tensor, best: Tensor) -> Tensor:
        """Return `[n]`: how far class `best [n]` is ahead of the others, softly, in 0 and below."""

    @abstractmethod
    def _energies(self, near: Tensor, best: Tensor) -> Tensor:
        """Return `[m]`: how typical of class `best [m]` the numbers for energies are, `[m, f]`."""

    def confidence(self, features: Tensor, near: Tensor) -> Tensor:
        """Return `[n]`: soft margin and energy of the class that the closed form answers.

        `near [n versions, f]`: what the energy looks at, averaged over the versions of an image. It is that of the
        answered class, so it tells the unknown from the known even where a single class is left.
        """
        best = self.scores(features).argmax(dim=1)
        versions = len(near) // max(1, len(best))
        energies = self._energies(near, best.repeat_interleave(versions))
        if versions > 1:
            energies = energies.view(-1, versions).mean(dim=1)
        return self._margins(features, best) + energies

    def wipe(self) -> None:
        """Overwrite the discriminants: freed memory keeps its content."""
        self.rows.zero_()


class PairHeads(Heads):
    """One discriminant per pair; a class scores the sum of the log-sigmoids of its pairs.

    With a regression it is the log-share of that sum, no less than `LEAST_SHARE`, and what the regression adds.
    """

    def __init__(
        self,
        rows: Tensor,
        biases: Tensor,
        gaussians: Sequence[Gaussian],
        ridge: RidgeHead | None = None,
    ) -> None:
        self.rows, self.biases, self.gaussians, self.ridge = rows, biases, gaussians, ridge
        self.own_logits: OwnLogits | None = None
        pairs = torch.tensor(list(combinations(range(len(gaussians)), 2)), dtype=torch.long).view(-1, 2)
        self.first, self.second = pairs[:, 0], pairs[:, 1]

    def scores(self, features: Tensor, boost: Tensor | None = None) -> Tensor:
        """Return `[n, C]`."""
        logits = F.linear(features, self.rows, self.biases)
        summed = self._summed(logits if boost is None else logits + boost)
        if self.ridge is None:
            return summed
        return torch.log_softmax(summed, dim=1).clamp(min=LEAST_SHARE) + self.ridge.scores(features)

    def without(self, column: int) -> PairHeads:
        """Return heads without the pairs of a class."""
        kept = (self.first != column) & (self.second != column)
        gaussians = [one for number, one in enumerate(self.gaussians) if number != column]
        ridge = None if self.ridge is None else self.ridge.without(column)
        heads = PairHeads(self.rows[kept], self.biases[kept], gaussians, ridge)
        heads.own_logits = None if self.own_logits is None else self.own_logits.without(column)
        return heads

    def measure(self, held_out: Sequence[Tensor]) -> None:
        """Learn how logits of each class lie for its own held-out features, `[v, F]` each; confidence uses it then."""
        logits = [
            self._against(features, torch.full((len(features),), column))
            for column, features in enumerate(held_out)
        ]
        self.own_logits = OwnLogits.of(logits)

    def wipe(self) -> None:
        """Overwrite discriminants, regression, and what was measured."""
        super().wipe()
        if self.ridge is not None:
            self.ridge.rows.zero_()
        if self.own_logits is not None:
            self.own_logits.wipe()

    def _against(self, features: Tensor, best: Tensor) -> Tensor:
        """Return the logits `[n, C]` of class `best [n]` against each class, 0 against itself."""
        logits = F.linear(features, self.rows, self.biases)
        classes = len(self.gaussians)
        against = logits.new_zeros(len(logits), classes, classes)
        against[:, self.first, self.second] = logits
        against[:, self.second, self.first] = -logits
        return against[torch.arange(len(best)), best]

    def _margins(self, features: Tensor, best: Tensor) -> Tensor:
        logits = self._against(features, best)
        soft = F.logsigmoid(SOFTNESS * logits).scatter(1, best[:, None], 0.0)
        margin = soft.sum(dim=1) / max(1, len(self.gaussians) - 1)
        if self.own_logits is None:
            return margin
        return margin + OWN_WEIGHT * self.own_logits.oddness(logits, best)

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
    """One covariance for all classes; a class scores its log-share among them, and what a regression adds.

    With a `background`, a normal distribution of all images whatever their class, confidence is how much more typical
    an image is of the answered class than of images as such: the relative Mahalanobis distance (Ren et al.,
    arXiv 2106.09022). It compares classes with each other less than a margin does, of which many classes have little.
    """

    def __init__(
        self,
        rows: Tensor,
        biases: Tensor,
        means: Tensor,
        gaussian: Gaussian,
        ridge: RidgeHead | None = None,
        background: Gaussian | None = None,
    ) -> None:
        self.rows, self.biases, self.means, self.gaussian = rows, biases, means, gaussian
        self.ridge, self.background = ridge, background

    def scores(self, features: Tensor, boost: Tensor | None = None) -> Tensor:
        """Return `[n, C]`; there are no pairs to boost."""
        shares = torch.log_softmax(F.linear(features, self.rows, self.biases), dim=1)
        return shares if self.ridge is None else shares.clamp(min=LEAST_SHARE) + self.ridge.scores(features)

    def confidence(self, features: Tensor, near: Tensor) -> Tensor:
        """Return `[n]`, see the class; without a background the soft margin and energy of the answered class."""
        if self.background is None:
            return super().confidence(features, near)
        best = self.scores(features).argmax(dim=1)
        return self.gaussian.energy(features, self.means[best]) - self.background.energy(features)

    def without(self, column: int) -> PooledHeads:
        """Return heads without a class's row and mean."""
        kept = torch.arange(len(self.rows)) != column
        ridge = None if self.ridge is None else self.ridge.without(column)
        rows, biases, means = self.rows[kept], self.biases[kept], self.means[kept]
        return PooledHeads(rows, biases, means, self.gaussian, ridge, self.background)

    def wipe(self) -> None:
        """Overwrite discriminants, regression and distributions."""
        super().wipe()
        self.means.zero_()
        for gaussian in (self.gaussian, self.background):
            if gaussian is not None:
                gaussian.wipe()
        if self.ridge is not None:
            self.ridge.rows.zero_()

    def _margins(self, features: Tensor, best: Tensor) -> Tensor:
        linear = F.linear(features, self.rows, self.biases)
        column = best[:, None]
        ahead = F.logsigmoid(SOFTNESS * (linear.gather(1, column) - linear)).scatter(1, column, 0.0)
        return ahead.sum(dim=1) / max(1, linear.shape[1] - 1)

    def _energies(self, near: Tensor, best: Tensor) -> Tensor:
        return self.gaussian.energy(near, self.means[best])
