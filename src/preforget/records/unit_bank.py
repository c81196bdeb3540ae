"""The live units of a model and what was derived from pairs of classes."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Collection, Sequence
from itertools import chain
from typing import Self

import torch
from torch import Tensor

from preforget.core.errors import UnknownLabelError, UsageError
from preforget.records.class_sums import MANY, ClassSums
from preforget.records.layout import Layout
from preforget.records.moments import Moments
from preforget.records.record import ClassRecord
from preforget.records.roster import Roster
from preforget.records.units import (
    check_unit,
    sorted_rows,
    unit_count,
    unit_layout,
    unit_moments,
    unit_near_moments,
    unit_total,
)

Pair = tuple[str, str]

MOST_FEATURES = 2**15
"""Features of the widest backbone; covariances are the square of it."""


class UnitBank(Roster):
    """Units by class and subject, and records of pairs of classes `(a, b)` with `a < b`.

    Everything is kept in sorted order, which says nothing about what the bank held before. A pair is dropped when one
    of its classes, or a subject's inputs of one, are forgotten. `F` is the number of features for scores, `W` that of
    all numbers of a row.
    """

    def __init__(self, layout: Layout | int) -> None:
        super().__init__()
        self.layout = Layout(layout) if isinstance(layout, int) else layout
        self.pairs: dict[Pair, ClassRecord] = {}
        self._units: dict[str, dict[str | None, ClassRecord]] = {}
        self._sorted: dict[str, list[ClassRecord]] = {}  # units of a class, while none comes or goes
        self._subjects: list[str] | None = None  # sorted, from when it is first asked for
        self._rows_in: dict[str, int] = {}
        size, near = self.layout.features, self.layout.near
        self._scored = ClassSums(unit_moments, size, slice(0, size))
        self._near = ClassSums(unit_near_moments, near or size, slice(size if near else 0, size + near))

    @classmethod
    def of(cls, records: Sequence[ClassRecord]) -> Self:
        """Return units and pairs as a bank; raises `UsageError` if they don't belong together."""
        unit = next((r for r in records if "held_out" in r.tensors), None)
        layout = Layout(0) if unit is None else unit_layout(unit)
        if unit is not None and not 1 <= layout.width <= MOST_FEATURES:
            raise UsageError("held-out features have an impossible shape")
        bank = cls(layout)
        for record in sorted(records, key=lambda record: record.partner is not None):
            bank.insert(record)
        return bank

    @property
    def features(self) -> int:
        """How many numbers of a row are for scores."""
        return self.layout.features

    def __contains__(self, label: object) -> bool:
        return label in self._units

    @property
    def labels(self) -> list[str]:
        """All labels that the bank holds, detached ones too, sorted."""
        return sorted(self._units)

    @property
    def subjects(self) -> list[str]:
        """All subjects that the bank holds inputs of, sorted."""
        if self._subjects is None:
            names = {name for units in self._units.values() for name in units if name is not None}
            self._subjects = sorted(names)
        return [*self._subjects]

    def ids(self, label: str) -> list[str]:
        """Return the ids of the units of a class; raises `UnknownLabelError`."""
        return [unit.id for unit in self.units(label)]

    def units(self, label: str) -> list[ClassRecord]:
        """Return the units of a class, sorted by subject; raises `UnknownLabelError`."""
        if label not in self._sorted:
            units = self._units[self._known(label)]
            self._sorted[label] = sorted(units.values(), key=_by_subject)
        return [*self._sorted[label]]

    def records(self) -> list[ClassRecord]:
        """Return all units and pairs in sorted order."""
        units = chain.from_iterable(map(self.units, self.labels))
        return [*units, *(pair for _, pair in sorted(self.pairs.items()))]

    def insert(self, record: ClassRecord) -> None:
        """Take in a unit, or a pair of classes that are in the bank.

        Raises `UsageError` for one that is in the bank already or doesn't fit.
        """
        if record.partner is not None:
            pair = (record.label, record.partner)
            if pair in self.pairs or record.label >= record.partner:
                raise UsageError(f"record {record.id} is a pair that is there already, or out of order")
            self.pairs[pair] = record
            return
        check_unit(record, self.layout)
        units = self._units.setdefault(record.label, {})
        if record.subject in units:
            raise UsageError(f"record {record.id}: inputs of this class and subject are in the model already")
        units[record.subject] = record
        self._came(record)

    def unit(self, label: str, subject: str | None) -> ClassRecord | None:
        """Return the unit of a class and a subject, None if the bank holds none."""
        return self._units.get(label, {}).get(subject)

    def put(self, unit: ClassRecord) -> None:
        """Take in a unit, instead of that of its class and subject if there is one, which is not overwritten."""
        former = self.unit(unit.label, unit.subject)
        if former is not None:
            self._goes(former)
            del self._units[unit.label][unit.subject]
        self.insert(unit)

    def take_out(self, label: str) -> None:
        """Drop a class's units and pairs without overwriting them; raises `UnknownLabelError`."""
        self.drop_pairs(label)
        for unit in self.units(label):
            self._goes(unit)
        del self._units[label]
        self._drop_sums([label])
        self._detached.discard(label)

    def moments(self, label: str) -> Moments:
        """Return the moments of all inputs of a class; raises `UnknownLabelError`."""
        return self._scored.of(label, self.units(label))

    def near_moments(self, label: str) -> Moments:
        """Return the moments of what energies use of all inputs of a class; raises `UnknownLabelError`."""
        return self._near.of(label, self.units(label))

    def count(self, label: str) -> int:
        """Return how many rows a class has: one for each version of an input."""
        return self._rows_in[self._known(label)]

    def scored_rows(self, label: str) -> Tensor:
        """Return the numbers for scores of all rows of a class, `int16 [n, F]`, sorted; see `_rows`."""
        return sorted_rows(self._rows(label)[:, : self.features])

    def near_rows(self, label: str) -> Tensor:
        """Return what energies use of all rows of a class, `int16 [n, f or F]`, sorted; see `_rows`."""
        return sorted_rows(self._rows(label)[:, self.features if self.layout.near else 0 :])

    def total(self, label: str) -> tuple[int, Tensor]:
        """Return how many rows a class has and their sum `[F]`, without their scatter."""
        units = self.units(label)
        if len(units) >= MANY:
            return self.count(label), self.moments(label).total.double()
        return self.count(label), torch.stack([unit_total(unit) for unit in units]).sum(dim=0)

    def held_out(self, label: str) -> Tensor:
        """Return the features that calibrate abstention of a class, `int16 [v, W]`."""
        return torch.cat([unit.tensors["held_out"] for unit in self.units(label)])

    def of_subject(self, subject: str) -> list[ClassRecord]:
        """Return the units of a subject in all classes, sorted; raises `UnknownLabelError`."""
        units = [self._units[label][subject] for label in self.labels if subject in self._units[label]]
        if not units:
            raise unknown_subject(subject, len(self.subjects))
        return units

    def affected_records(self, label: str | None = None, subject: str | None = None) -> list[ClassRecord]:
        """Return every record in which a class or a subject has a part: units, and pairs derived from them."""
        if label is not None:
            return [*self.units(label), *(pair for pair in self.pairs.values() if pair.concerns(label))]
        units = self.of_subject(str(subject))
        for touched in sorted({unit.label for unit in units}):
            others = self.units(touched)
            if not any(unit_count(unit) for unit in others if unit.subject != subject):
                units += [unit for unit in others if unit.subject != subject]
        return [*units, *self._pairs_of({unit.label for unit in units}.__contains__)]

    def affected_by(self, labels: Sequence[str], subjects: Sequence[str] = ()) -> list[ClassRecord]:
        """Return every record in which one of several classes or subjects has a part.

        A class of whose inputs none is left to sum up goes with them.
        """
        affected = super().affected_by(labels, subjects)
        gone = {record.id for record in affected}
        for label in sorted({record.label for record in affected if record.subject in subjects}):
            others = self._units[label].values()
            if not any(unit_count(unit) for unit in others if unit.id not in gone):
                affected += [unit for unit in others if unit.id not in gone]
        return affected

    def drop_pairs(self, label: str) -> None:
        """Drop the pairs of a class whose inputs have changed, without overwriting them."""
        for pair in self._pairs_of(label.__eq__):
            del self.pairs[pair.label, str(pair.partner)]

    def erase(self, label: str) -> list[ClassRecord]:
        """Overwrite a class's units and pairs with zeros and drop them; raises `UnknownLabelError`."""
        erased = self._erase(self.affected_records(label=label))
        self._detached.discard(label)
        return erased

    def erase_subject(self, subject: str) -> list[ClassRecord]:
        """Overwrite a subject's units and all pairs derived from them with zeros and drop them.

        A class that has no other input to sum up is dropped with them. Raises `UnknownLabelError`.
        """
        erased = self._erase(self.affected_records(subject=subject))
        self._detached &= set(self.labels)
        return erased

    def erase_records(self, records: list[ClassRecord]) -> None:
        """Overwrite records with zeros and drop them."""
        self._erase(records)

    def _rows(self, label: str) -> Tensor:
        """Return `int16 [n, W]`; raises `UsageError` for a class that has moments instead, because it has many rows."""
        kept = [unit.tensors.get("features") for unit in self.units(label)]
        rows = [features for features in kept if features is not None]
        if len(rows) < len(kept):
            raise UsageError("a class of many inputs has sums of them, not the inputs")
        return torch.cat(rows)

    def _pairs_of(self, sees: Callable[[str], bool]) -> list[ClassRecord]:
        return [pair for names, pair in sorted(self.pairs.items()) if any(map(sees, names))]

    def _erase(self, records: list[ClassRecord]) -> list[ClassRecord]:
        gone: set[str] = set()
        for record in records:
            if record.partner is None:
                self._goes(record)
                units = self._units[record.label]
                del units[record.subject]
                if not units:
                    del self._units[record.label]
                    gone.add(record.label)
            else:
                del self.pairs[record.label, record.partner]
            for tensor in record.tensors.values():
                tensor.detach().zero_()
        self._drop_sums(gone)
        return records

    def _came(self, unit: ClassRecord) -> None:
        """Keep up what follows from the units, with one that is in the bank now."""
        self._sorted.pop(unit.label, None)
        self._rows_in[unit.label] = self._rows_in.get(unit.label, 0) + unit_count(unit)
        self._scored.join(unit)
        self._near.join(unit)
        self._subjects = None

    def _goes(self, unit: ClassRecord) -> None:
        """Keep up what follows from the units, without one that is in the bank still, as it was put there."""
        if unit.label in self._sorted:
            units = self._sorted[unit.label]
            del units[bisect.bisect_left(units, _by_subject(unit), key=_by_subject)]
        self._rows_in[unit.label] -= unit_count(unit)
        self._scored.leave(unit)
        self._near.leave(unit)
        known, name = self._subjects, unit.subject
        others = (units for label, units in self._units.items() if label != unit.label)
        if known is not None and name is not None and not any(name in units for units in others):
            del known[bisect.bisect_left(known, name)]

    def _drop_sums(self, labels: Collection[str]) -> None:
        self._scored.drop(labels)
        self._near.drop(labels)
        for label in labels:
            self._rows_in.pop(label, None)
            self._sorted.pop(label, None)


def _by_subject(unit: ClassRecord) -> tuple[bool, str]:
    return unit.subject is not None, unit.subject or ""


def unknown_subject(subject: str, known: int) -> UnknownLabelError:
    """Return the error for a subject of whom the model holds nothing; it names no other subject."""
    return UnknownLabelError(
        f"the model holds nothing of subject {subject!r} (never learned, or already forgotten); "
        f"it knows {known} subjects: preforget subjects MODEL --reveal lists them"
    )
