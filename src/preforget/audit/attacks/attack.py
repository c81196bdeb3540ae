"""The description of an attack, and the form of its findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SUITES = ("quick", "standard", "full")


@dataclass(frozen=True)
class About:
    """One attack or measure: the question it asks, its source, and the names of its values.

    `titles`: the names of its values, in the report's order; a value without a title is called by its key.
    `margin`: the largest gap to Retrain that counts as none, in the unit of the values; `margins`: exceptions by key.
    `unjudged`: values that are shown but not judged, since their gap to Retrain isn't expected to be zero.
    """

    name: str
    title: str
    asks: str
    source: str
    margin: float
    titles: Mapping[str, str] = field(default_factory=dict)
    margins: Mapping[str, float] = field(default_factory=dict)
    unjudged: frozenset[str] = frozenset()

    def margin_of(self, key: str) -> float:
        """Return the margin of one value."""
        return self.margins.get(key, self.margin)


@dataclass(frozen=True)
class Finding:
    """The result of an attack on one model: values by key, and plain values from which figures are drawn."""

    values: dict[str, float]
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Effort:
    """How much an attack does: one of `SUITES`; `rows`, the most inputs of a part for training or scoring."""

    suite: str = "quick"
    rows: int = 500

    def at_least(self, suite: str) -> bool:
        """Return whether this is `suite` or more.

        >>> Effort("standard").at_least("quick")
        True
        """
        return SUITES.index(self.suite) >= SUITES.index(suite)
