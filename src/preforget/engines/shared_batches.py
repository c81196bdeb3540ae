"""Read inputs of different units in one batch, where a row's bits depend on its input alone.

A matrix product may round differently in a batch of another size. In batches of one size, filled up where inputs run
out, a row had the same bits whatever its place and its neighbours on every machine tried; before that is relied on, it
is checked on the machine at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from preforget.data.dataset import Images
from preforget.engines.reading import Reading

SHARED = 16
"""How many inputs a batch has at most: few, since a single input costs as much as a batch."""


def shares_batches(reading: Reading) -> bool:
    """Tell whether units share batches here: not vectors, and not in folders of format 2, which never did."""
    return bool(reading.energy_depth and reading.encoder.blocks) and rows_are_independent(reading)


def rows_are_independent(reading: Reading) -> bool:
    """Tell whether rows of a batch keep their bits in another order, among other inputs and in a batch filled up."""
    size = batch_size(reading)
    half = size // 2
    noise = reading.encoder.noise(size + half)
    first = _rows(reading, noise[:size])
    moved = torch.cat([noise[size:], noise[:half].flip(0)])
    return torch.equal(_rows(reading, moved)[half:], first[:half].flip(0)) and torch.equal(
        shared_rows(reading, noise[:1])[0], first[0]
    )


def batch_size(reading: Reading) -> int:
    """Return how many inputs share a batch: `SHARED`, fewer if they are large, and two at least."""
    return max(2, reading.encoder.at_once(SHARED))


def shared_rows(reading: Reading, pixels: Tensor) -> Tensor:
    """Return `int16 [n, versions, W]` of up to a batch of inputs, which is filled up with the last one."""
    missing = batch_size(reading) - len(pixels)
    filled = torch.cat([pixels, pixels[-1:].expand(missing, *pixels.shape[1:])])
    return _rows(reading, filled.contiguous())[: len(pixels)]


def read_together(
    reading: Reading, parts: Sequence[tuple[Images, Sequence[int]]]
) -> Iterator[tuple[int, Tensor]]:
    """Yield the rows `int16 [n versions, W]` of chosen inputs of each part, in order, read in shared batches.

    A part is inputs and the positions of those to read; its number comes with its rows, a part of them at a time.
    """
    waiting: list[tuple[int, Tensor]] = []
    size = batch_size(reading)
    for number, (inputs, positions) in enumerate(parts):
        for start in range(0, len(positions), size):
            pixels = reading.encoder.read(inputs, positions[start : start + size])
            waiting += [(number, one) for one in pixels]
            if len(waiting) >= size:
                yield from _read(reading, waiting[:size])
                del waiting[:size]
    if waiting:
        yield from _read(reading, waiting)


def _read(reading: Reading, waiting: Sequence[tuple[int, Tensor]]) -> Iterator[tuple[int, Tensor]]:
    rows = shared_rows(reading, torch.stack([pixels for _, pixels in waiting]))
    numbers = [number for number, _ in waiting]
    for number in dict.fromkeys(numbers):
        yield number, rows[[n == number for n in numbers]].flatten(0, 1)


def _rows(reading: Reading, pixels: Tensor) -> Tensor:
    return reading.rows(pixels).view(len(pixels), reading.layout.views, -1)
