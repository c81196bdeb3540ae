"""Sums over the units of classes that have many, kept up as units come and go: exact, so that nothing of one stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import torch

from preforget.records.moments import Moments, summed
from preforget.records.record import ClassRecord

MANY = 64
"""So many units of a class are summed once, and then what comes and goes; fewer are summed when they are asked for."""

KEPT_BYTES = 2**28
"""The most bytes of all sums together; classes beyond that are summed when they are asked for."""


class ClassSums:
    """Moments of classes by label, made by `of_unit`, `size` numbers wide.

    `columns`: of the rows of a unit that stores these, which are summed.
    """

    def __init__(self, of_unit: Callable[[ClassRecord], Moments], size: int, columns: slice) -> None:
        self._of_unit, self._size, self._columns = of_unit, size, columns
        self._kept: dict[str, Moments] = {}

    def of(self, label: str, units: list[ClassRecord]) -> Moments:
        """Return the moments of a class, whose tensors are the caller's own; `units`: all of it."""
        if label not in self._kept:
            whole = self._sum(units)
            if len(units) < MANY or (len(self._kept) + 1) * self._size**2 * 8 > KEPT_BYTES:
                return whole
            self._kept[label] = whole
        kept = self._kept[label]
        return replace(kept, total=kept.total.clone(), scatter=kept.scatter.clone())

    def join(self, unit: ClassRecord) -> None:
        """Add a unit that the class has now."""
        if unit.label in self._kept:
            self._kept[unit.label] = self._kept[unit.label] + self._of_unit(unit)

    def leave(self, unit: ClassRecord) -> None:
        """Subtract a unit that is about to go, bit for bit as if it had never been there."""
        if unit.label in self._kept:
            kept, part = self._kept[unit.label], self._of_unit(unit)
            kept.total.sub_(part.total)
            kept.scatter.sub_(part.scatter)
            self._kept[unit.label] = replace(kept, count=kept.count - part.count)

    def drop(self, labels: Iterable[str]) -> None:
        """Overwrite the sums of classes and forget them."""
        for label in labels:
            kept = self._kept.pop(label, None)
            if kept is not None:
                kept.total.zero_()
                kept.scatter.zero_()

    def _sum(self, units: list[ClassRecord]) -> Moments:
        rows = [unit.tensors["features"] for unit in units if "features" in unit.tensors]
        others = (self._of_unit(unit) for unit in units if "features" not in unit.tensors)
        if not rows:
            return summed(others, self._size)
        return summed([Moments.of(torch.cat(rows)[:, self._columns]), *others], self._size)
