"""Linear discriminants and Gaussian energies in closed form, from moments alone, in float64.

`F` is the number of features, `n` of images, `C` of classes. Features are whole numbers, see `features`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from preforget.engines.covariance import Covariance, FullCovariance, oracle_weight
from preforget.records.moments import Moments

FLOOR = 2.0**8
"""Least variance of a feature, in units of its rounding: keeps constant features and single images finite."""


def mean_and_scatter(moments: Moments) -> tuple[Tensor, Tensor]:
    """Return mean `[F]` and scatter around it `[F, F]`: `S - s s' / n`."""
    total = moments.total.double()
    mean = total / moments.count
    return mean, moments.scatter.double().addr_(total, mean, alpha=-1)


def shrinkage(covariance: Tensor, count: int) -> float:
    """Return the weight in 0..1 of the scaled identity by oracle approximating shrinkage, see `oracle_weight`."""
    trace, square = float(covariance.trace()), float(covariance.square().sum())
    return oracle_weight(trace, square, len(covariance), count)


def typical(scatter: Tensor, count: int, floor: float) -> Tensor:
    """Return `(1 - a) Sigma + (a tr(Sigma) / F + floor) I` for `Sigma = scatter / count` and `a` of `shrinkage`."""
    covariance = scatter / count
    weight = shrinkage(covariance, count)
    level = weight * float(covariance.trace()) / len(covariance) + floor
    covariance *= 1 - weight
    covariance.diagonal().add_(level)
    return covariance


def ridge(whole: Moments, parts: Sequence[tuple[int, Tensor]], gamma: float) -> tuple[Tensor, Tensor]:
    """Return rows `[C, F]` and biases `[C]` of the ridge regression to one number per class: 1 for it, 0 for others.

    `W = (S + gamma tr(S) / F I)^-1 C` with `S` the scatter of all images around their mean and `C` their products
    with the centred numbers (Hoerl and Kennard, Technometrics 12, 1970). `whole`: the moments of all images; `parts`:
    count and total `[F]` of each class.
    """
    mean, scatter = mean_and_scatter(whole)
    # features that never vary have no scale; any will do
    scale = float(scatter.trace()) / len(mean) or 1.0
    scatter.diagonal().add_(gamma * scale)
    counts = torch.tensor([float(count) for count, _ in parts], dtype=torch.float64)
    products = torch.stack([total for _, total in parts]) - counts[:, None] * mean
    rows = FullCovariance(scatter).solve(products)
    return rows, counts / whole.count - rows @ mean


def shrunk(scatter: Tensor, count: int, strength: float) -> Tensor:
    """Return `(1 - a) Sigma + (a tr(Sigma) / F + FLOOR) I` for `Sigma = scatter / count`.

    The odds `a / (1 - a)` are `strength` times those of `shrinkage`: classifying needs more shrinkage than estimating.
    """
    covariance = scatter / count
    rho = shrinkage(covariance, count)
    weight = strength * rho / (1 - rho + strength * rho)
    level = weight * float(covariance.trace()) / len(covariance) + FLOOR
    covariance *= 1 - weight
    covariance.diagonal().add_(level)
    return covariance


def pair(first: Moments, second: Moments, strength: float) -> tuple[Tensor, Tensor]:
    """Return row `[F]` and bias of Fisher's discriminant of two classes, positive for the first.

    `w = Sigma^-1 (mu_i - mu_j)`, `b = - w . (mu_i + mu_j) / 2`, with one covariance pooled over these two classes.
    """
    mean, scatter = mean_and_scatter(first)
    other, other_scatter = mean_and_scatter(second)
    scatter += other_scatter
    covariance = FullCovariance(shrunk(scatter, first.count + second.count, strength))
    row = covariance.solve((mean - other)[None])[0]
    return row, -(row @ (mean + other)) / 2


def pooled(whole: Moments, parts: Sequence[tuple[int, Tensor]], strength: float) -> tuple[Tensor, Tensor]:
    """Return rows `[C, F]` and biases `[C]` of all classes with one covariance, pooled over these classes.

    `whole`: the moments of all images; `parts`: count and total `[F]` of each class.
    """
    covariance = FullCovariance(shrunk(between_removed(whole, parts), whole.count, strength))
    means = torch.stack([total / count for count, total in parts])
    rows = covariance.solve(means)
    return rows, -(rows * means).sum(dim=1) / 2


def between_removed(whole: Moments, parts: Sequence[tuple[int, Tensor]]) -> Tensor:
    """Return the scatter within classes `[F, F]`: that of all images minus that of the class means around zero."""
    weighted = torch.stack([total / count**0.5 for count, total in parts])
    return whole.scatter.double().addmm_(weighted.T, weighted, alpha=-1)


class Gaussian:
    """A normal distribution of one class's features `[F]`."""

    def __init__(self, mean: Tensor, covariance: Covariance) -> None:
        self.mean, self.covariance = mean, covariance

    @classmethod
    def of(cls, moments: Moments, strength: float) -> Gaussian:
        """Fit one to moments."""
        mean, scatter = mean_and_scatter(moments)
        return cls(mean, FullCovariance(shrunk(scatter, moments.count, strength)))

    @classmethod
    def typical_of(cls, moments: Moments, floor: float) -> Gaussian:
        """Fit one to moments that is shrunk no more than the estimate of its covariance asks for, see `typical`."""
        mean, scatter = mean_and_scatter(moments)
        return cls(mean, FullCovariance(typical(scatter, moments.count, floor)))

    def wipe(self) -> None:
        """Overwrite mean and covariance with zeros."""
        self.mean.zero_()
        self.covariance.wipe()

    def energy(self, features: Tensor, mean: Tensor | None = None) -> Tensor:
        """Return the log-density of `[n, F]`, per feature, up to a constant; `mean` replaces the fitted one."""
        distances = self.covariance.distances(features - (self.mean if mean is None else mean))
        return -(distances / 2 + self.covariance.half_log_det) / len(self.mean)
