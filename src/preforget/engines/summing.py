"""Read inputs once and sum them up as units, see `records.units`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from preforget.data.dataset import Split
from preforget.engines.base import Session
from preforget.engines.reading import Reading
from preforget.records import ClassRecord
from preforget.records.units import make_unit
from preforget.training.progress import counting

HELD_OUT_ROWS = 256
"""The most inputs of a unit that calibrate abstention."""


def sum_up(reading: Reading, train: Split, validation: Split, session: Session) -> list[ClassRecord]:
    """Return the units of `train`, each with what is held out of its class and subject, in sorted order."""
    validation = validation.only(set(train.labels))
    learned = train.places()
    held_out = {unit: rows[:HELD_OUT_ROWS] for unit, rows in validation.places().items()}
    total = len(train) + sum(map(len, held_out.values()))
    made = []
    with counting(total=total, what="reading", unit="input", show=session.show) as count:
        for unit in sorted({*learned, *held_out}, key=lambda unit: (unit[0], unit[1] or "")):
            summed = _rows(reading, train.select(learned.get(unit, [])), count)
            kept = list(_rows(reading, validation.select(held_out.get(unit, [])), count))
            none = torch.empty(0, reading.layout.width, dtype=torch.int16)
            made.append(make_unit(*unit, summed, torch.cat([none, *kept]), reading.layout))
    return made


def _rows(reading: Reading, images: Split, count: Callable[[int], None]) -> Iterator[Tensor]:
    for chunk in reading.unit_rows(images):
        yield chunk
        count(len(chunk) // reading.layout.views)
