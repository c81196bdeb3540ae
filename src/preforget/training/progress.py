"""Progress with rate and time left, on stderr."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


class Bar(tqdm):  # type: ignore[misc]
    """A bar that no other process and no other thread can stop.

    tqdm's own lock is shared by all processes that were forked: one that is killed while it writes its bar would let
    all others wait for ever. And its thread that looks after bars may hold the lock while a process forks.
    """

    _lock = threading.RLock()
    monitor_interval = 0


def track(items: Iterable[T], *, total: int, what: str, unit: str, show: bool, step: int = 1) -> Iterator[T]:
    """Yield `items` and, if `show`, report `what` with rate and time left; each item counts `step` units."""
    with counting(total=total, what=what, unit=unit, show=show) as count:
        for item in items:
            yield item
            count(step)


@contextmanager
def counting(*, total: int, what: str, unit: str, show: bool) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with the number of units done since its last call; reports as `track` does."""
    if not show:
        yield lambda step: None
        return
    interval = 0.2 if sys.stderr.isatty() else 10.0
    with Bar(
        total=total, desc=what, unit=unit, mininterval=interval, maxinterval=interval, file=sys.stderr
    ) as bar:
        yield lambda step: bar.update(min(step, total - bar.n)) and None
