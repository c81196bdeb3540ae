"""Inputs that are in a data set more than once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

SAME, NEAR, PERSON = "same", "near", "person"


@dataclass(frozen=True)
class Copy:
    """One of several inputs that are alike: its file, or its position in an array, its part, its class, its person."""

    place: Path | str
    part: str
    label: str | tuple[str, ...] = field(repr=False)
    subject: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Repeated:
    """Inputs that shouldn't be in several parts of a split; `kind`: what they have in common.

    `same`: their content; `near`: they are pictures that look alike; `person`: they are of one person.
    """

    kind: str
    copies: tuple[Copy, ...]

    @property
    def across_parts(self) -> bool:
        """Whether they are in several parts of the split."""
        return len({copy.part for copy in self.copies}) > 1

    @property
    def across_classes(self) -> bool:
        """Whether they are in several classes."""
        return len({copy.label for copy in self.copies}) > 1

    @property
    def across_subjects(self) -> bool:
        """Whether they are of several persons."""
        return len({copy.subject for copy in self.copies}) > 1
