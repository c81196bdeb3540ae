"""Features of the exact engine: whole numbers from frozen states, a function of the image and the backbone alone.

At evenly spread depths of the encoder, CLS and the mean patch state are each layer-normalised (their own mean and
deviation, no statistic of the data) and rounded to whole numbers of 16 bits. Vectors that come as inputs are taken as
they are, number by number: `asinh`, which is linear near zero and keeps large numbers in range, then rounded. `D` is
the width, `F` the number of features.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor, log2

import numpy as np
import torch
from torch import Tensor

from preforget.backbones.encoder import Encoder, mean_of_tokens
from preforget.backbones.vectors import VectorEncoder
from preforget.core.errors import UsageError
from preforget.data.dataset import Split
from preforget.records.moments import LARGEST

EPS = 1e-6
AT_ONCE = 128
STEPS = 2048
"""How many steps one unit of `asinh(x)` has, for a number `x` of a vector."""


def parts(encoder: Encoder) -> int:
    """Return how many states of a depth are read: CLS and the mean of the others, or the mean alone without CLS."""
    return 2 if encoder.prefix else 1


def depths(encoder: Encoder, levels: int) -> list[int]:
    """Return the numbers of the states that are read, evenly spread; the last is the output before the final norm."""
    return [round(encoder.depth * (level + 1) / levels) for level in range(levels)]


def feature_count(encoder: Encoder, levels: int) -> int:
    """Return `F`; vectors have no levels."""
    return encoder.dim if isinstance(encoder, VectorEncoder) else levels * parts(encoder) * encoder.dim


def near_count(encoder: Encoder) -> int:
    """Return how many of the first features energies use: those of the lowest depth, or all of a vector."""
    return encoder.dim if isinstance(encoder, VectorEncoder) else parts(encoder) * encoder.dim


def check_levels(encoder: Encoder, levels: int) -> None:
    """Raise `UsageError` if the backbone has fewer blocks than `levels`; vectors have no blocks and need none."""
    if levels > encoder.depth and not isinstance(encoder, VectorEncoder):
        raise UsageError(f"levels is {levels}, but the backbone has {encoder.depth} blocks")


def fixed_point(vectors: Tensor) -> Tensor:
    """Turn vectors `float64 [batch, d]` into `int16 [batch, d]`; a function of each number alone.

    >>> fixed_point(torch.tensor([[0.0, 1.0, -1e9]], dtype=torch.float64))
    tensor([[     0,   1805, -32767]], dtype=torch.int16)
    """
    # numpy, since torch rounds the last numbers of a batch by another routine than the rest
    steps = np.rint(np.arcsinh(vectors.numpy()) * STEPS)
    return torch.from_numpy(np.clip(steps, -LARGEST, LARGEST).astype(np.int16))


def scale(dim: int) -> float:
    """Return the factor of a normalised feature before rounding: a power of two, so that no feature overflows.

    A layer-normalised vector of length `dim` has no element beyond `sqrt(dim)`.
    """
    return 2.0 ** floor(log2(LARGEST / dim**0.5))


def unit_scale(encoder: Encoder) -> float:
    """Return what a deviation of 1 becomes: of a normalised state, or of a number of a vector."""
    return float(STEPS) if isinstance(encoder, VectorEncoder) else scale(encoder.dim)


def quantised(states: Tensor, prefix: int = 1, *, padded: bool = False) -> Tensor:
    """Turn states `[batch, levels, N, D]` into `int16 [batch, F]`, level by level, CLS before mean patch.

    `prefix` tokens come before the patches, CLS first; 0: there is no CLS. `padded`: padding is left out of the mean.
    """
    return normalised(states, prefix, padded=padded).round().to(torch.int16)


def normalised(states: Tensor, prefix: int = 1, *, padded: bool = False) -> Tensor:
    """Return the numbers that `quantised` rounds, `float64 [batch, F]` on the CPU, with gradients."""
    read = [states[:, :, 0].float()] if prefix else []
    x = torch.stack([*read, mean_of_tokens(states[:, :, prefix:], padded=padded)], dim=2)
    x = x.cpu().double()
    x = x - x.mean(dim=-1, keepdim=True)
    x = x / (x.square().mean(dim=-1, keepdim=True) + EPS).sqrt()
    return (x * scale(states.shape[-1])).flatten(1)


def rounded_with_gradient(encoder: Encoder, states: Tensor) -> Tensor:
    """Return normalised states, rounded as when they are learned; gradients pass the rounding unchanged."""
    unrounded = normalised(states, encoder.prefix, padded=encoder.padded)
    return unrounded + (unrounded.round() - unrounded).detach()


def features(encoder: Encoder, pixels: Tensor, levels: int) -> Tensor:
    """Return `int16 [batch, F]` of normalised pixels, or of vectors, on the CPU."""
    if isinstance(encoder, VectorEncoder):
        return fixed_point(pixels)
    return of_states(encoder, [h for h, _, _ in encoder.walk(pixels)], levels)


def of_states(encoder: Encoder, states: Sequence[Tensor], levels: int) -> Tensor:
    """Return `int16 [batch, F]` of the states `[batch, N, D]` that enter every block, and the output, on the CPU."""
    chosen = [states[depth] for depth in depths(encoder, levels)]
    return quantised(torch.stack(chosen, dim=1), encoder.prefix, padded=encoder.padded)


def batch_sizes(count: int, most: int = AT_ONCE) -> Iterator[int]:
    """Yield sizes of batches for `count` images: of `most`, then powers of two downwards; they depend on both alone.

    >>> list(batch_sizes(300))
    [128, 128, 32, 8, 4]
    """
    while count:
        size = most if count >= most else 1 << (count.bit_length() - 1)
        yield size
        count -= size


def unit_features(encoder: Encoder, images: Split, levels: int) -> Iterator[Tensor]:
    """Yield `int16 [batch, F]` of the images of one unit, in order.

    A matrix product may round differently in another batch, so no batch holds images of two units, and no unit's
    batches depend on another unit.
    """
    start = 0
    for count in batch_sizes(len(images), encoder.at_once(AT_ONCE)):
        part = range(start, start + count)
        yield features(encoder, encoder.read(images.inputs, part), levels)
        start += count
