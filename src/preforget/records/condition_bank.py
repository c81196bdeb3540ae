"""Sums over the inputs with each condition, and sums over every input."""

from __future__ import annotations

import torch
from torch import Tensor

from preforget.records.moments import Moments, summed
from preforget.records.record import EVERY_CLASS, ClassRecord
from preforget.records.unit_bank import UnitBank, unknown_subject
from preforget.records.units import unit_count, unit_moments

EVERYONE = EVERY_CLASS
"""The label of units that sum up every input, whatever it shows."""


class ConditionBank(UnitBank):
    """Units by condition and subject, and by subject alone.

    An input with two conditions is in the sums of both and in that of every input. Forgetting a condition destroys its
    own sums, and its inputs stay in the others; forgetting a subject takes its inputs out of every sum.
    """

    def __contains__(self, label: object) -> bool:
        return label != EVERYONE and label in self._units

    @property
    def labels(self) -> list[str]:
        """All conditions that the bank holds, detached ones too, sorted."""
        return sorted(label for label in self._units if label != EVERYONE)

    def everyone(self) -> list[ClassRecord]:
        """Return the units of every input, sorted by subject."""
        units = self._units.get(EVERYONE, {})
        return [units[subject] for subject in sorted(units, key=lambda name: (name is not None, name or ""))]

    def records(self) -> list[ClassRecord]:
        """Return all units in sorted order."""
        return [*self.everyone(), *super().records()]

    def all_moments(self) -> Moments:
        """Return the moments of every input."""
        return summed(map(unit_moments, self.everyone()), self.features)

    def all_held_out(self) -> Tensor:
        """Return the features of every held-out input, `int16 [v, F]`."""
        none = torch.empty(0, self.layout.width, dtype=torch.int16)
        return torch.cat([none, *(unit.tensors["held_out"] for unit in self.everyone())])

    def of_subject(self, subject: str) -> list[ClassRecord]:
        """Return all units of a subject; raises `UnknownLabelError`."""
        units = [of_label[subject] for _, of_label in sorted(self._units.items()) if subject in of_label]
        if not units:
            raise unknown_subject(subject, len(self.subjects))
        return units

    def affected_records(self, label: str | None = None, subject: str | None = None) -> list[ClassRecord]:
        """Return the units that are forgotten with a condition or a subject.

        Conditions that only the subject's inputs have are forgotten with it.
        """
        if label is not None:
            return self.units(label)
        units = self.of_subject(str(subject))
        for touched in sorted({unit.label for unit in units} - {EVERYONE}):
            rest = [unit for unit in self.units(touched) if unit.subject != subject]
            if not any(map(unit_count, rest)):
                units += rest
        return units
