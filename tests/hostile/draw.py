"""Which of the hostile cases are tried: a seeded draw, or all of them with `PREFORGET_FUZZ=full`."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

ONE_IN = 1 if os.environ.get("PREFORGET_FUZZ") == "full" else 8
"""Of how many cases one is tried."""


def drawn(cases: Iterable[T], random_: random.Random | None = None) -> Iterator[T]:
    """Yield one case in `ONE_IN`, the same ones in every run; `random_` goes on where several lists are drawn from."""
    random_ = random_ or random.Random(0)
    return (case for case in cases if random_.randrange(ONE_IN) == 0)


def least(cases: int) -> int:
    """Return how many there must be in a draw of so many, with some room for chance."""
    return cases if ONE_IN == 1 else cases // (2 * ONE_IN)
