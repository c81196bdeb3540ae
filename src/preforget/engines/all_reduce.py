"""Put the units of several processes together by torch.distributed, to the bits of one process (gloo, nccl).

All that passes between processes are sums of whole numbers of 64 bits, which are exact in any order, so that every
backend that can add them gives the same bits. Rows and texts pass as sums, too: each process adds its own to zeros.
Nothing that comes from another process is ever unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor

from preforget.core.canonical import canonical_json
from preforget.core.errors import DataError
from preforget.records import ClassRecord
from preforget.records.layout import Layout
from preforget.records.moments import MOST, triangle
from preforget.records.units import (
    fewest_for_moments,
    triangle_size,
    unit_count,
    unit_moments,
    unit_near_moments,
)

BUFFER = 2**22
"""About how many numbers are added at once, 32 MB."""

UnitName = tuple[str, str | None]


def gathered(content: bytes, device: torch.device | str = "cpu") -> list[bytes]:
    """Return what every process gives, in the order of their ranks."""
    rank, count = dist.get_rank(), dist.get_world_size()
    sizes = torch.zeros(count, dtype=torch.int64, device=device)
    sizes[rank] = len(content)
    dist.all_reduce(sizes)
    lengths = [int(size) for size in sizes]
    room = [-(-length // 8) for length in lengths]
    buffer = torch.zeros(sum(room), dtype=torch.int64)
    start = sum(room[:rank])
    buffer[start : start + room[rank]] = _as_numbers(content)
    all_bytes = _summed(buffer, device).numpy().tobytes()
    starts = [8 * sum(room[:number]) for number in range(count)]
    return [all_bytes[begin : begin + length] for begin, length in zip(starts, lengths, strict=True)]


def joined_everywhere(
    units: Sequence[ClassRecord],
    layout: Layout,
    held_out_inputs: int,
    device: torch.device | str = "cpu",
) -> list[ClassRecord]:
    """Return, in every process, the units of the inputs of all processes, as if one had summed them up.

    `units`: those of this process, of a share of the inputs in the order of its rank; `held_out_inputs`: how many
    inputs that weren't summed are kept of each unit, the first ones. Raises `DataError` for more than can be summed.
    """
    mine = {(unit.label, unit.subject): unit for unit in units}
    facts = [
        [label, subject, unit_count(u), len(u.tensors["held_out"])] for (label, subject), u in mine.items()
    ]
    rows: dict[UnitName, list[tuple[int, int]]] = {}
    everyone = [json.loads(content) for content in gathered(canonical_json(facts), device)]
    for rank, listed in enumerate(everyone):
        for label, subject, summed, held_out in listed:
            counts = rows.setdefault((label, subject), [(0, 0)] * len(everyone))
            counts[rank] = (summed, held_out)
    made: list[ClassRecord] = []
    batch: list[_Joint] = []
    for name in sorted(rows, key=lambda unit: (unit[0], unit[1] or "")):
        batch.append(_Joint(name, rows[name], layout, held_out_inputs * layout.views))
        if sum(joint.size for joint in batch) >= BUFFER:
            made += _join(batch, mine, device)
            batch = []
    return made + _join(batch, mine, device)


@dataclass
class _Joint:
    """Where the numbers of one unit lie in a buffer: those for sums first, then rows that are held out.

    `counts`: of each process, how many rows are summed up and how many held out.
    """

    name: UnitName
    counts: list[tuple[int, int]]
    layout: Layout
    kept: int
    total: int = field(init=False)
    held_out: int = field(init=False)
    as_sums: bool = field(init=False)

    def __post_init__(self) -> None:
        self.total, self.held_out = (sum(column) for column in zip(*self.counts, strict=True))
        if self.total > MOST:
            raise DataError(f"more than {MOST:,} inputs of one class can't be summed up exactly")
        self.as_sums = self.total >= fewest_for_moments(self.layout.features, self.layout.near)

    @property
    def summed_size(self) -> int:
        layout = self.layout
        if not self.as_sums:
            return _room(self.total * layout.width)
        return 1 + layout.width + triangle_size(layout.features) + triangle_size(layout.near)

    @property
    def size(self) -> int:
        """How many numbers of 64 bits it takes."""
        return self.summed_size + _room(self.held_out * self.layout.width)

    def numbers(self, unit: ClassRecord | None) -> Tensor:
        """Return what this process adds, `int64 [size]`."""
        none = torch.empty(0, self.layout.width, dtype=torch.int16)
        held_out = none if unit is None else unit.tensors["held_out"]
        if self.as_sums:
            summed = torch.zeros(self.summed_size, dtype=torch.int64) if unit is None else self._sums(unit)
        else:
            summed = self._rows(none if unit is None else unit.tensors["features"], 0, self.total)
        return torch.cat([summed, self._rows(held_out, 1, self.held_out)])

    def unit(self, numbers: Tensor) -> ClassRecord:
        """Return the unit of what all processes have added."""
        layout, summed = self.layout, numbers[: self.summed_size]
        rows = _as_rows(numbers[self.summed_size :], self.held_out, layout.width)
        held_out = rows[: self.kept].clone()
        if not self.as_sums:
            tensors = {"features": _as_rows(summed, self.total, layout.width).clone(), "held_out": held_out}
        else:
            sizes = [1, layout.width, triangle_size(layout.features), triangle_size(layout.near)]
            count, total, scatter, near = (part.clone() for part in summed.split(sizes))
            tensors = {"count": count[0].clone(), "total": total, "scatter": scatter, "held_out": held_out}
            if layout.near:
                tensors["near_scatter"] = near
        return ClassRecord(self.name[0], {**tensors, **layout.tensors()}, subject=self.name[1])

    def _sums(self, unit: ClassRecord) -> Tensor:
        t, scored = unit.tensors, unit_moments(unit)
        total = t["features"].sum(dim=0, dtype=torch.int64) if "features" in t else t["total"]
        parts = [torch.tensor([scored.count]), total, triangle(scored.scatter)]
        if self.layout.near:
            parts.append(triangle(unit_near_moments(unit).scatter))
        return torch.cat(parts)

    def _rows(self, mine: Tensor, column: int, total: int) -> Tensor:
        """Return numbers in which this process's rows lie after those of the ranks before it."""
        width = self.layout.width
        flat = torch.zeros(4 * _room(total * width), dtype=torch.int16)
        start = width * sum(counts[column] for counts in self.counts[: dist.get_rank()])
        flat[start : start + mine.numel()] = mine.flatten()
        return flat.view(torch.int64)


def _join(
    batch: Sequence[_Joint], mine: dict[UnitName, ClassRecord], device: torch.device | str
) -> list[ClassRecord]:
    if not batch:
        return []
    buffer = torch.cat([joint.numbers(mine.get(joint.name)) for joint in batch])
    parts = _summed(buffer, device).split([joint.size for joint in batch])
    return [joint.unit(numbers) for joint, numbers in zip(batch, parts, strict=True)]


def _summed(numbers: Tensor, device: torch.device | str) -> Tensor:
    """Return the sum over all processes of whole numbers of 64 bits, which are at `device` while they are added."""
    moved = numbers.to(device)
    dist.all_reduce(moved, op=dist.ReduceOp.SUM)
    return moved.cpu()


def _room(numbers: int) -> int:
    """Return how many numbers of 64 bits hold so many of 16."""
    return -(-numbers // 4)


def _as_rows(numbers: Tensor, rows: int, width: int) -> Tensor:
    return numbers.contiguous().view(torch.int16)[: rows * width].view(rows, width)


def _as_numbers(content: bytes) -> Tensor:
    filled = bytearray(content + bytes(-len(content) % 8))
    return torch.frombuffer(filled, dtype=torch.int64) if filled else torch.zeros(0, dtype=torch.int64)
