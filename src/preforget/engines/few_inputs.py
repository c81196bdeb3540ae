"""Discriminants, regression and energies of fewer inputs than features, from the inputs' features themselves.

They are those of `discriminant` up to rounding, and need a matrix of inputs by inputs instead of one of features by
features (the dual form). `F` is the number of features, `n` of inputs, `C` of classes; rows are whole numbers, in an
order that depends on them alone, see `records.units.sorted_rows`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from preforget.engines.covariance import RowCovariance
from preforget.engines.discriminant import FLOOR, Gaussian


def means_and_centred(parts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the means `[C, F]` of rows of classes `[n, F]` each, and all rows around the mean of their class."""
    means = torch.stack([part.sum(dim=0, dtype=torch.int64).double() / len(part) for part in parts])
    return means, torch.cat([part.double() - mean for part, mean in zip(parts, means, strict=True)])


def pair(first: Tensor, second: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Return row `[F]` and bias of Fisher's discriminant of the rows of two classes, positive for the first."""
    means, centred = means_and_centred([first, second])
    mean, other = means
    row = RowCovariance.shrunk(centred, strength, FLOOR).solve((mean - other)[None])[0]
    return row, -(row @ (mean + other)) / 2


def pooled(parts: Sequence[Tensor], strength: float) -> tuple[Tensor, Tensor]:
    """Return rows `[C, F]` and biases `[C]` of all classes with one covariance, pooled over these classes."""
    means, centred = means_and_centred(parts)
    rows = RowCovariance.shrunk(centred, strength, FLOOR).solve(means)
    return rows, -(rows * means).sum(dim=1) / 2


def spread_within(parts: Sequence[Tensor], strength: float) -> Gaussian:
    """Return the normal distribution around the first class's mean with one covariance for all classes."""
    means, centred = means_and_centred(parts)
    return Gaussian(means[0], RowCovariance.shrunk(centred, strength, FLOOR))


def gaussian(rows: Tensor, strength: float = 1.0, floor: float = FLOOR) -> Gaussian:
    """Return the normal distribution of rows `[n, F]`."""
    means, centred = means_and_centred([rows])
    return Gaussian(means[0], RowCovariance.shrunk(centred, strength, floor))


def ridge(parts: Sequence[Tensor], gamma: float) -> tuple[Tensor, Tensor]:
    """Return rows `[C, F]` and biases `[C]` of the ridge regression of `discriminant.ridge`.

    `W = X' (X X' + gamma tr(S) / F I)^-1 Y` with `X` the rows around their mean and `Y` one number per class.
    """
    (mean,), centred = means_and_centred([torch.cat(list(parts))])
    gram = centred @ centred.T
    # features that never vary have no scale; any will do
    scale = float(gram.trace()) / centred.shape[1] or 1.0
    factor = torch.linalg.cholesky(gram + gamma * scale * torch.eye(len(gram), dtype=gram.dtype))
    counts = torch.tensor([len(part) for part in parts])
    targets = torch.zeros(len(centred), len(parts), dtype=torch.float64)
    targets[torch.arange(len(centred)), torch.arange(len(parts)).repeat_interleave(counts)] = 1.0
    rows = torch.cholesky_solve(targets, factor).T @ centred
    return rows, counts.double() / len(centred) - rows @ mean
