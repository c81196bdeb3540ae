"""Tables of a TOML file that are read once, key by key, and must hold nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from preforget.core.errors import UsageError

KINDS = {str: "a string", int: "a whole number", bool: "true or false", list: "a list", dict: "a table"}


class Table:
    """One table of a file; `location` names it in errors, such as `mine.toml: data 2`."""

    def __init__(self, values: Mapping[str, Any], location: str) -> None:
        self._values = dict(values)
        self._asked: list[str] = []
        self.location = location

    def take(self, key: str, kind: type, default: Any = None, *, needed: bool = False) -> Any:
        """Return a value of a kind; the default where it is missing. Raises `UsageError` that names it."""
        self._asked.append(key)
        if key not in self._values:
            if needed:
                raise UsageError(f"{self.location}: {key} is missing; add it")
            return default
        value = self._values.pop(key)
        if not is_of(value, kind):
            raise UsageError(f"{self.location}: {key} must be {KINDS[kind]}, got {value!r}")
        return value

    def tested(self, key: str, default: Any, fits: Callable[[Any], bool], allowed: str) -> Any:
        """Return a value of any kind that fits, or the default."""
        self._asked.append(key)
        value = self._values.pop(key, default)
        if not fits(value):
            raise UsageError(f"{self.location}: {key} must be {allowed}, got {value!r}")
        return value

    def whole(self, key: str, low: int, default: int | None = None) -> Any:
        """Return a whole number of at least `low`, or the default."""
        value = self.take(key, int, default)
        if value is not None and value < low:
            raise UsageError(f"{self.location}: {key} must be at least {low}, got {value}")
        return value

    def among(self, key: str, choices: Sequence[str], default: str) -> str:
        """Return one of the choices."""
        value: str = self.take(key, str, default)
        if value not in choices:
            raise UsageError(f"{self.location}: unknown {key} {value!r}; choose one of: {', '.join(choices)}")
        return value

    def tables(self, key: str) -> list[Table]:
        """Return the tables of a list; a string stands for a table with that name alone."""
        if isinstance(self._values.get(key), dict):
            raise UsageError(f"{self.location}: {key} is a single table; write [[{key}]] to make it a list")
        listed = []
        for number, value in enumerate(self.take(key, list, []), start=1):
            values = {"name": value} if isinstance(value, str) else value
            if not isinstance(values, dict):
                raise UsageError(f"{self.location}: {key} must hold names or tables, got {value!r}")
            listed.append(Table(values, f"{self.location}: {key} {number}"))
        return listed

    def finish(self) -> None:
        """Raise `UsageError` for a key that nothing has read."""
        for key in self._values:
            raise UsageError(f"{self.location}: unknown key {key!r}; known are: {', '.join(self._asked)}")


def is_of(value: Any, kind: type) -> bool:
    """Tell whether a value is of a kind; true and false don't count as numbers.

    >>> is_of(1, int), is_of(True, int)
    (True, False)
    """
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
