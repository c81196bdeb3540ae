"""Which share of known inputs is to be answered: one for all classes, and others for single ones."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from typing import Any, Self

from preforget.core.errors import UsageError

EVERY_OTHER = None
"""The key of all classes that a mapping doesn't name."""

USUAL = 0.95


class Keep(float):
    """A share of known inputs that is to be answered, which is a number, and shares of single classes by name.

    >>> keep = Keep(0.95, {"rare": 0.8})
    >>> float(keep), keep.of("rare"), keep.of("other")
    (0.95, 0.8, 0.95)
    """

    classes: Mapping[str, float]

    def __new__(cls, share: float, classes: Mapping[str, float] | None = None) -> Self:
        """Take shares that were checked."""
        keep = super().__new__(cls, share)
        keep.classes = dict(classes or {})
        return keep

    def __getnewargs__(self) -> tuple[float, dict[str, float]]:  # type: ignore[override]
        """Return what a copy or a pickle is made from."""
        return float(self), dict(self.classes)

    def __repr__(self) -> str:
        """Show the shares without names of classes."""
        return f"Keep({float(self)!r}, {len(self.classes)} classes of their own)"

    def of(self, label: str) -> float:
        """Return the share of a class."""
        return self.classes.get(label, float(self))

    def plain(self) -> list[Any]:
        """Return the share, and those of single classes if there are any, as plain values."""
        return [float(self), *([dict(self.classes)] if self.classes else [])]

    def only(self, labels: Any) -> Keep:
        """Return the same without classes that are not among `labels`."""
        return Keep(float(self), {name: share for name, share in self.classes.items() if name in labels})


def single_shares(keep: float) -> Mapping[str, float]:
    """Return the shares of single classes; none of a plain number."""
    return keep.classes if isinstance(keep, Keep) else {}


def as_keep(value: Any, name_of: Callable[[Any], str] = str) -> Keep:
    """Return a share, or a mapping from classes to shares, as `Keep`; raises `UsageError` for anything else.

    Args:
        value: Above 0 and below 1; in a mapping the key None stands for all other classes, by default 0.95.
        name_of: Gives the text that stands for a label.

    >>> as_keep({"rare": 0.8, None: 0.9}).of("other")
    0.9
    """
    if isinstance(value, Keep):
        return value
    if not isinstance(value, Mapping):
        return Keep(_share(value))
    shares = {name_of(label): _share(share) for label, share in value.items() if label is not EVERY_OTHER}
    return Keep(_share(value.get(EVERY_OTHER, USUAL)), shares)


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 < float(value) < 1:
        raise UsageError(f"keep must be a share between 0 and 1, got {value!r}")
    return float(value)
