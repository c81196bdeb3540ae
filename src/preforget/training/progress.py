"""Progress with rate and time left, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def track(items: Iterable[T], *, total: int, what: str, unit: str, show: bool, step: int = 1) -> Iterator[T]:
    """Yield `items` and, if `show`, report `what` with rate and time left; each item counts `step` units."""
    if not show:
        yield from items
        return
    interval = 0.2 if sys.stderr.isatty() else 10.0
    with tqdm(
        total=total, desc=what, unit=unit, mininterval=interval, maxinterval=interval, file=sys.stderr
    ) as bar:
        for item in items:
            yield item
            bar.update(min(step, total - bar.n))
