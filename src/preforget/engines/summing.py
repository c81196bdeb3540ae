"""Read inputs once and sum them up as units, see `records.units`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from preforget.data.dataset import Split
from preforget.engines.base import Session
from preforget.engines.features import AT_ONCE
from preforget.engines.reading import Reading
from preforget.engines.shards import Shard
from preforget.engines.shared_batches import read_together, shares_batches
from preforget.records import ClassRecord
from preforget.records.units import make_unit
from preforget.training.progress import counting

Unit: TypeAlias = tuple[str, str | None]
"""A class and a subject."""

Part: TypeAlias = tuple[Split, Sequence[int]]
"""Inputs, and the positions of those that belong to a unit."""

HELD_OUT_ROWS = 256
"""The most inputs of a unit that calibrate abstention."""


@dataclass(frozen=True)
class Share:
    """Units, and of each two parts: what is held out, then what is summed up. It can be sent to another machine."""

    units: list[Unit]
    parts: list[Part]

    @property
    def inputs(self) -> int:
        """How many inputs it has."""
        return sum(len(positions) for _, positions in self.parts)

    @classmethod
    def whole(cls, train: Split, validation: Split) -> Share:
        """Return the units of `train` with what is held out of their classes and subjects, in sorted order."""
        validation = validation.only(set(train.labels))
        learned = train.places()
        held_out = {unit: rows[:HELD_OUT_ROWS] for unit, rows in validation.places().items()}
        units = sorted({*learned, *held_out}, key=lambda unit: (unit[0], unit[1] or ""))
        return cls(
            units,
            [
                (split, rows.get(unit, []))
                for unit in units
                for split, rows in ((validation, held_out), (train, learned))
            ],
        )

    def of(self, shard: Shard) -> Share:
        """Return a shard's inputs alone, cut where a unit's own batches would be."""
        batches = [
            [(split, positions[start : start + AT_ONCE]) for start in range(0, len(positions), AT_ONCE)]
            for split, positions in self.parts
        ]
        mine = iter(shard.chosen([len(batch) for part in batches for _, batch in part]))
        cut: list[Part] = []
        for (split, _), part in zip(self.parts, batches, strict=True):
            cut.append((split, [position for _, batch in part if next(mine) for position in batch]))
        numbers = [n for n in range(len(self.units)) if cut[2 * n][1] or cut[2 * n + 1][1]]
        return Share(
            [self.units[n] for n in numbers], [part for n in numbers for part in cut[2 * n : 2 * n + 2]]
        )

    def to_send(self) -> Share:
        """Return it with no other inputs than its own."""
        splits: dict[int, Split] = {}
        positions: dict[int, list[int]] = {}
        for split, chosen in self.parts:
            splits[id(split)] = split
            positions.setdefault(id(split), []).extend(chosen)
        small = {key: splits[key].select(np.array(positions[key], dtype=np.intp)) for key in splits}
        starts, parts = dict.fromkeys(splits, 0), list[Part]()
        for split, chosen in self.parts:
            start = starts[id(split)]
            parts.append((small[id(split)], range(start, start + len(chosen))))
            starts[id(split)] = start + len(chosen)
        return Share(self.units, parts)

    def sum_up(self, reading: Reading, session: Session) -> list[ClassRecord]:
        """Read all inputs once, and return the units."""
        with counting(total=self.inputs, what="reading", unit="input", show=session.show) as count:
            stream = _Stream(_read(reading, self.parts), lambda rows: count(rows // reading.layout.views))
            none = torch.empty(0, reading.layout.width, dtype=torch.int16)
            return [
                make_unit(
                    *unit,
                    held_out=torch.cat([none, *stream.of_part(2 * number)]),
                    chunks=stream.of_part(2 * number + 1),
                    layout=reading.layout,
                )
                for number, unit in enumerate(self.units)
            ]


def sum_up(
    reading: Reading, train: Split, validation: Split, session: Session, shard: Shard | None = None
) -> list[ClassRecord]:
    """Return the units of `train`, each with what is held out of its class and subject, in sorted order.

    Where a row's bits don't depend on the others in its batch, see `shared_batches`, units share batches; elsewhere
    each is read in batches of its own, whose sizes follow from its number of inputs. So no bit of a unit depends on
    another unit. With a `shard`, only its inputs are read: `records.joined_units` puts the units of all shards
    together, in order, to the bits of one pass.
    """
    share = Share.whole(train, validation)
    return (share if shard is None else share.of(shard)).sum_up(reading, session)


def _read(reading: Reading, parts: Sequence[Part]) -> Iterator[tuple[int, Tensor]]:
    """Yield the rows of each part in order, with its number."""
    if shares_batches(reading):
        yield from read_together(reading, [(split.inputs, positions) for split, positions in parts])
        return
    for number, (split, positions) in enumerate(parts):
        for rows in reading.unit_rows(split.select(positions)):
            yield number, rows


class _Stream:
    """Rows with the numbers of their parts, in order; `count` is told how many were taken."""

    def __init__(self, rows: Iterator[tuple[int, Tensor]], count: Callable[[int], None]) -> None:
        self._rows, self._count = rows, count
        self._next = next(rows, None)

    def of_part(self, number: int) -> Iterator[Tensor]:
        while self._next is not None and self._next[0] == number:
            chunk = self._next[1]
            self._next = next(self._rows, None)
            self._count(len(chunk))
            yield chunk
