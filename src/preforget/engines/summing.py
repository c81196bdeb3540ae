"""Read inputs once and sum them up as units, see `records.units`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from preforget.data.dataset import Split
from preforget.engines.base import Session
from preforget.engines.features import AT_ONCE
from preforget.engines.reading import Reading
from preforget.engines.shared_batches import read_together, rows_are_independent
from preforget.records import ClassRecord
from preforget.records.units import make_unit
from preforget.training.progress import counting

HELD_OUT_ROWS = 256
"""The most inputs of a unit that calibrate abstention."""


def sum_up(reading: Reading, train: Split, validation: Split, session: Session) -> list[ClassRecord]:
    """Return the units of `train`, each with what is held out of its class and subject, in sorted order.

    A unit's inputs are read in full batches of its own. Those left over are read in batches that units share, if a
    row's bits don't depend on the others in its batch, see `shared_batches`, else in smaller batches of its own. So no
    bit of a unit depends on another unit.
    """
    validation = validation.only(set(train.labels))
    places = [train.places(), validation.places()]
    places[1] = {unit: rows[:HELD_OUT_ROWS] for unit, rows in places[1].items()}
    units = sorted({*places[0], *places[1]}, key=lambda unit: (unit[0], unit[1] or ""))
    total = len(train) + sum(map(len, places[1].values()))
    with counting(total=total, what="reading", unit="input", show=session.show) as count:
        parts = [
            _Part(reading, split, rows.get(unit, []), count)
            for unit in units
            for split, rows in zip((train, validation), places, strict=True)
        ]
        # folders of format 2 were read in batches of their own
        if reading.energy_depth and reading.encoder.blocks and rows_are_independent(reading):
            left = [(part.split.inputs, part.left_over) for part in parts]
            for part, rows in zip(parts, read_together(reading, left, count), strict=True):
                part.read_already = rows
        none = torch.empty(0, reading.layout.width, dtype=torch.int16)
        return [
            make_unit(*unit, learned.rows(), torch.cat([none, *held_out.rows()]), reading.layout)
            for unit, learned, held_out in zip(units, parts[::2], parts[1::2], strict=True)
        ]


class _Part:
    """What is learned from or held out of one unit: positions in a split, and rows that were read with others'."""

    def __init__(
        self, reading: Reading, split: Split, positions: Sequence[int], count: Callable[[int], None]
    ) -> None:
        self.reading, self.split, self.count = reading, split, count
        full = len(positions) - len(positions) % AT_ONCE
        self.full, self.left_over = positions[:full], positions[full:]
        self.read_already: Tensor | None = None

    def rows(self) -> Iterator[Tensor]:
        """Yield the rows of its inputs in order."""
        alone = [*self.full, *(self.left_over if self.read_already is None else ())]
        for chunk in self.reading.unit_rows(self.split.select(alone)):
            yield chunk
            self.count(len(chunk) // self.reading.layout.views)
        if self.read_already is not None:
            yield self.read_already
