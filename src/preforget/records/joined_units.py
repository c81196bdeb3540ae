"""Two units as one, as if all of their inputs had been summed up together."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from preforget.core.errors import UsageError
from preforget.records.moments import MOST, triangle
from preforget.records.record import ClassRecord
from preforget.records.unit_bank import UnitBank
from preforget.records.units import make_unit, unit_count, unit_layout, unit_moments, unit_near_moments


def put_together(bank: UnitBank, units: Iterable[ClassRecord], held_out_inputs: int) -> None:
    """Put units into a bank, each joined with the one of its class and subject if there is one, see `joined`."""
    for unit in units:
        known = bank.unit(unit.label, unit.subject)
        bank.put(unit if known is None else joined(known, unit, held_out_inputs))


def joined(first: ClassRecord, second: ClassRecord, held_out_inputs: int) -> ClassRecord:
    """Return the unit of the inputs of two, those of `first` before those of `second`; bit for bit, whichever way they
    are stored.

    `held_out_inputs`: how many inputs that weren't summed are kept, the first ones. It has the label and the subject of
    `first`. Raises `UsageError` for units whose numbers lie differently, and for more inputs than can be summed.
    """
    layout = unit_layout(first)
    if unit_layout(second) != layout:
        raise UsageError("two units of different features can't be made one")
    if unit_count(first) + unit_count(second) > MOST:
        raise UsageError(f"more than {MOST:,} inputs of one class can't be summed up exactly")
    kept = torch.cat([first.tensors["held_out"], second.tensors["held_out"]])[
        : held_out_inputs * layout.views
    ]
    rows = [unit.tensors["features"] for unit in (first, second) if "features" in unit.tensors]
    if len(rows) == 2:
        return make_unit(first.label, first.subject, rows, kept, layout)
    scored = unit_moments(first) + unit_moments(second)
    totals = [_total(unit) for unit in (first, second)]
    tensors = {
        "count": torch.tensor(scored.count),
        "total": totals[0] + totals[1],
        "scatter": triangle(scored.scatter),
        "held_out": kept,
    }
    if layout.near:
        tensors["near_scatter"] = triangle((unit_near_moments(first) + unit_near_moments(second)).scatter)
    return ClassRecord(first.label, {**tensors, **layout.tensors()}, subject=first.subject)


def _total(unit: ClassRecord) -> torch.Tensor:
    """Return the sum of all of a unit's numbers, `int64 [W]`."""
    if "features" in unit.tensors:
        return unit.tensors["features"].sum(dim=0, dtype=torch.int64)
    return unit.tensors["total"]
