"""Search for names as people type them: any part of a name, in either case."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def matches(rows: Iterable[T], query: str, name: Callable[[T], str]) -> list[T]:
    """Return the rows whose name holds a text; all of them for an empty one.

    >>> matches(["Ada", "Grace", "Mary"], " A", str), matches(["Ada"], "", str)
    (['Ada', 'Grace', 'Mary'], ['Ada'])
    """
    wanted = folded(query.strip())
    return [row for row in rows if wanted in folded(name(row))]


def folded(text: str) -> str:
    """Return a text without what doesn't count in a search."""
    return unicodedata.normalize("NFKC", text).casefold()
