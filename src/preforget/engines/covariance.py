"""Covariances that are solved for: as a matrix of features by features, or, for fewer inputs, through their rows.

A covariance is `scale S + level I` for a scatter `S = X' X` of `n` centred rows `X [n, F]`. While `n < F` the identity
of Woodbury (`(scale X' X + level I)^-1 = (I - X' (X X' + level / scale I)^-1 X) / level`) needs a matrix of `n` by `n`
only. All in float64.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor


def oracle_weight(trace: float, square: float, size: int, count: int) -> float:
    """Return the weight in 0..1 of the scaled identity by oracle approximating shrinkage.

    `trace` and `square` are the trace of a covariance of `size` features from `count` inputs and of its square (Chen,
    Wiesel, Eldar and Hero, IEEE Transactions on Signal Processing 58, 2010, equation 23).
    """
    spread = square - trace * trace / size
    if spread <= 0:  # it is a scaled identity already, or there is no variance
        return 1.0
    rho = ((1 - 2 / size) * square + trace * trace) / ((count + 1 - 2 / size) * spread)
    return min(1.0, rho)


class Covariance(ABC):
    """A positive definite matrix `M [F, F]`; `half_log_det` is half the logarithm of its determinant."""

    half_log_det: float

    @abstractmethod
    def solve(self, rows: Tensor) -> Tensor:
        """Return `M^-1 r` for each of `rows [k, F]`, as `[k, F]`."""

    @abstractmethod
    def distances(self, centred: Tensor) -> Tensor:
        """Return `c M^-1 c`, the squared Mahalanobis distance, for each of `centred [n, F]`, as `[n]`."""

    @abstractmethod
    def wipe(self) -> None:
        """Overwrite what it is made of with zeros."""


class FullCovariance(Covariance):
    """One whose matrix `[F, F]` is given."""

    def __init__(self, matrix: Tensor) -> None:
        self.factor = torch.linalg.cholesky(matrix)
        self.half_log_det = float(self.factor.diagonal().log().sum())

    def solve(self, rows: Tensor) -> Tensor:
        """Return `[k, F]`."""
        return torch.cholesky_solve(rows.T, self.factor).T.contiguous()

    def distances(self, centred: Tensor) -> Tensor:
        """Return `[n]`."""
        white: Tensor = torch.linalg.solve_triangular(self.factor, centred.T, upper=False)
        return white.square().sum(dim=0)

    def wipe(self) -> None:
        """Overwrite the factor."""
        self.factor.zero_()


class RowCovariance(Covariance):
    """`scale X' X + level I` of centred rows `X [n, F]`; `gram [n, n]` is `X X'`; `scale` may be 0."""

    def __init__(self, rows: Tensor, gram: Tensor, scale: float, level: float) -> None:
        self.rows, self.level = rows, level
        size = rows.shape[1]
        self.half_log_det = size * math.log(level) / 2
        self.factor: Tensor | None = None
        if scale > 0 and len(rows):
            added = level / scale
            self.factor = torch.linalg.cholesky(gram + added * torch.eye(len(rows), dtype=gram.dtype))
            self.half_log_det += float(self.factor.diagonal().log().sum()) - len(rows) * math.log(added) / 2

    @classmethod
    def shrunk(cls, rows: Tensor, strength: float, floor: float) -> RowCovariance:
        """Return `(1 - a) S / n + (a tr(S) / (n F) + floor) I`; the odds of `a` are `strength` times the oracle's."""
        count, size = rows.shape
        gram = rows @ rows.T
        trace = float(gram.trace()) / count
        rho = oracle_weight(trace, float(gram.square().sum()) / count**2, size, count)
        weight = strength * rho / (1 - rho + strength * rho)
        return cls(rows, gram, (1 - weight) / count, weight * trace / size + floor)

    def solve(self, rows: Tensor) -> Tensor:
        """Return `[k, F]`."""
        if self.factor is None:
            return rows / self.level
        inner = torch.cholesky_solve(self.rows @ rows.T, self.factor)
        return (rows - inner.T @ self.rows) / self.level

    def distances(self, centred: Tensor) -> Tensor:
        """Return `[n]`."""
        squares = centred.square().sum(dim=1)
        if self.factor is not None:
            white = torch.linalg.solve_triangular(self.factor, self.rows @ centred.T, upper=False)
            squares -= white.square().sum(dim=0)
        return squares / self.level

    def wipe(self) -> None:
        """Overwrite the rows and the factor."""
        self.rows.zero_()
        if self.factor is not None:
            self.factor.zero_()
