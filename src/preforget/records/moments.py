"""Count, sum and scatter of whole-number features: exact, so that neither order nor grouping leaves a trace.

Features are whole numbers within 15 bits and their sign. Products of two of them and sums of a chunk of `ROWS` of those
stay below 2^53, which float64 holds without rounding, whatever order a matrix product takes; chunks are added as whole
numbers of 64 bits, which hold the sums of `MOST` inputs. So every sum here is exact, and subtracting what was added
gives back the very same bits. `F` is the number of features.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from preforget.core.errors import DataError

LARGEST = 2**15 - 1
MOST = 2**33
"""`MOST * LARGEST ** 2 < 2 ** 63`: more inputs can't be summed exactly."""

ROWS = 4096


@dataclass(frozen=True, eq=False)
class Moments:
    """`count`, `total int64 [F]` and `scatter int64 [F, F]` (sum of outer products)."""

    count: int
    total: Tensor
    scatter: Tensor

    @classmethod
    def zero(cls, features: int) -> Moments:
        """Return the moments of no input."""
        zeros = torch.zeros(features, dtype=torch.int64)
        return cls(0, zeros, torch.zeros(features, features, dtype=torch.int64))

    @classmethod
    def of(cls, features: Tensor) -> Moments:
        """Return the moments of `features [n, F]`, whole numbers of any integer type."""
        chunks = features.split(ROWS)
        scatter = _products(chunks[0])
        for rows in chunks[1:]:
            scatter += _products(rows)
        return _checked(cls(len(features), features.sum(dim=0, dtype=torch.int64), scatter))

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
    whole = Moments.zero(features)
    count = 0
    for part in parts:
        count += part.count
        whole.total.add_(part.total)
        whole.scatter.add_(part.scatter)
    return _checked(Moments(count, whole.total, whole.scatter))


def triangle(scatter: Tensor) -> Tensor:
    """Return the upper triangle of a symmetric `[F, F]` as `[F (F + 1) / 2]`, row by row."""
    rows, columns = torch.triu_indices(*scatter.shape)
    return scatter[rows, columns]


def square(upper: Tensor, features: int) -> Tensor:
    """Return the symmetric `[F, F]` of an upper triangle `[F (F + 1) / 2]`."""
    rows, columns = torch.triu_indices(features, features)
    full = torch.zeros(features, features, dtype=upper.dtype)
    full[rows, columns] = upper
    full[columns, rows] = upper
    return full


def _products(rows: Tensor) -> Tensor:
    wide = rows.double()
    return (wide.T @ wide).to(torch.int64)


def _checked(moments: Moments) -> Moments:
    if moments.count > MOST:
        raise DataError(f"{moments.count} inputs in one sum: beyond {MOST} sums would overflow; use fewer")
    return moments
