"""Count, sum and scatter of whole-number features: exact, so that neither order nor grouping leaves a trace.

Features are whole numbers within 15 bits and their sign. Products of two and sums of up to `MOST` of those are whole
numbers below 2^53, which float64 holds without rounding. So every sum here is exact, whatever order a
matrix product takes, and subtracting what was added gives back the very same bits. `F` is the number of features.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from preforget.core.errors import DataError

LARGEST = 2**15 - 1
MOST = 2**23
"""`MOST * LARGEST ** 2 < 2 ** 53`: more inputs can't be summed exactly."""

ROWS = 4096


@dataclass(frozen=True, eq=False)
class Moments:
    """`count`, `total [F]` and `scatter [F, F]` (sum of outer products) in float64, all whole numbers."""

    count: int
    total: Tensor
    scatter: Tensor

    @classmethod
    def zero(cls, features: int) -> Moments:
        """Return the moments of no input."""
        zeros = torch.zeros(features, dtype=torch.float64)
        return cls(0, zeros, torch.zeros(features, features, dtype=torch.float64))

    @classmethod
    def of(cls, features: Tensor) -> Moments:
        """Return the moments of `features [n, F]`, whole numbers of any integer type."""
        total = features.sum(dim=0, dtype=torch.int64).double()
        scatter = torch.zeros(features.shape[1], features.shape[1], dtype=torch.float64)
        for rows in features.split(ROWS):
            wide = rows.double()
            scatter.addmm_(wide.T, wide)
        return _checked(cls(len(features), total, scatter))

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of both sets of inputs; raises `DataError` beyond `MOST` inputs."""
        return _checked(
            Moments(self.count + other.count, self.total + other.total, self.scatter + other.scatter)
        )

    def __sub__(self, other: Moments) -> Moments:
        """Return the moments without inputs that were added before, bit for bit as if they had never been added."""
        return Moments(self.count - other.count, self.total - other.total, self.scatter - other.scatter)


def summed(parts: Iterable[Moments], features: int) -> Moments:
    """Return the moments of several sets of inputs; exact, so their order doesn't matter."""
    count, total = 0, torch.zeros(features, dtype=torch.float64)
    scatter = torch.zeros(features, features, dtype=torch.float64)
    for part in parts:
        count += part.count
        total += part.total
        scatter += part.scatter
    return _checked(Moments(count, total, scatter))


def triangle(scatter: Tensor) -> Tensor:
    """Return the upper triangle of a symmetric `[F, F]` as `int64 [F (F + 1) / 2]`, row by row."""
    rows, columns = torch.triu_indices(*scatter.shape)
    return scatter[rows, columns].to(torch.int64)


def square(upper: Tensor, features: int) -> Tensor:
    """Return the symmetric `float64 [F, F]` of an upper triangle `[F (F + 1) / 2]`."""
    rows, columns = torch.triu_indices(features, features)
    full = torch.zeros(features, features, dtype=torch.float64)
    full[rows, columns] = upper.double()
    full[columns, rows] = full[rows, columns]
    return full


def _checked(moments: Moments) -> Moments:
    if moments.count > MOST:
        raise DataError(f"{moments.count} inputs in one sum: beyond {MOST} sums would be rounded; use fewer")
    return moments
