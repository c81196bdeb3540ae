"""Work in threads, whose results come in order: for what releases Python's lock, as decoding and copying do."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def allowed() -> int:
    """Return how many threads this process may use: what `OMP_NUM_THREADS` says, else the cores it may run on."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdecimal() and int(told):
        return int(told)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Yield `work(item)` for each item in order, computed by so many threads; few items are taken ahead of their turn.

    An error is raised when its item's turn comes. With one thread everything happens in the caller's.

    >>> list(in_order(abs, [-3, 1, -2], threads=2))
    [3, 1, 2]
    """
    if threads < 2:
        yield from map(work, items)
        return
    pending: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) > 2 * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def ahead(items: Iterator[T], threads: int) -> Iterator[T]:
    """Yield the items; while one is used, the next is made in another thread, unless only one thread is allowed."""
    if threads < 2:
        yield from items
        return
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
