"""Options of an engine or a method: a frozen dataclass whose values are checked when it is made."""

from __future__ import annotations

import operator
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self, TypeVar

from preforget.core.errors import UsageError

T = TypeVar("T")


def option(default: T, help: str, value: str = "N", aliases: tuple[str, ...] = ()) -> T:
    """Return a dataclass field with its default, and in its `metadata` what the command line says of it.

    `help`: one phrase on what the option does; `value`: what stands for its value in a list of options; `aliases`:
    further names that the command line takes.
    """
    described: T = field(default=default, metadata={"help": help, "value": value, "aliases": aliases})
    return described


@dataclass(frozen=True)
class Options:
    """Base of all options; subclasses add fields and check them in `__post_init__`.

    Numbers of numpy become Python's own, so that they can be written to a manifest.
    """

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            numpy = sys.modules.get("numpy")  # where it isn't loaded, no value can be its own
            if numpy is not None and isinstance(value, numpy.generic):
                object.__setattr__(self, each.name, value.item())

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Build options from keywords; raises `UsageError` for one that is unknown or can't be used."""
        known = sorted(each.name for each in fields(cls))
        for name in options:
            if name not in known:
                has = f"there are: {', '.join(known)}" if known else "there are none"
                raise UsageError(f"unknown option {name!r}; {has}")
        return cls(**options)

    def check_whole(self, **lowest: int) -> None:
        """Raise `UsageError` unless each named option is a whole number of at least the given value."""
        for name, low in lowest.items():
            value = getattr(self, name)
            if not is_whole(value) or value < low:
                raise UsageError(f"{name} must be a whole number of at least {low}, got {value!r}")

    def check_numbers(self, **bounds: tuple[float, float]) -> None:
        """Raise `UsageError` unless each named option is a number within its bounds, both included."""
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
                raise UsageError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}")

    def as_dict(self) -> dict[str, Any]:
        """Return the options as plain values."""
        return asdict(self)


def is_whole(value: Any) -> bool:
    """Tell whether a value is a whole number, numpy's included; True and False are none.

    >>> is_whole(3), is_whole(True), is_whole(3.0)
    (True, False, False)
    """
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return True
