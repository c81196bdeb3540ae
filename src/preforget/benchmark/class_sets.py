"""Which classes are forgotten together: all combinations of `k` classes, or a seeded sample of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np

from preforget.core.errors import UsageError
from preforget.core.seeds import derive_seed

HALF, ALL_BUT_ONE = "half", "all but one"
EVERY = "all"
MOST_LISTED = 100_000
"""The most combinations that are listed; of more, only a sample is available."""

Size = int | str


def resolved(k: Size, classes: int) -> int:
    """Return how many of `classes` are forgotten; raises `UsageError` unless one is forgotten and one stays.

    >>> [resolved(k, 7) for k in (1, "half", "all but one")]
    [1, 3, 6]
    """
    names = {HALF: classes // 2, ALL_BUT_ONE: classes - 1}
    if isinstance(k, str) and k not in names:
        raise UsageError(f"k is {k!r}; give a whole number, {HALF!r} or {ALL_BUT_ONE!r}")
    size = names[k] if isinstance(k, str) else k
    if not 1 <= size < classes:
        raise UsageError(
            f"k is {k!r}, which can't be forgotten of {classes} classes; give at least 1 and at most {classes - 1}"
        )
    return size


def sizes(ks: Sequence[Size], classes: int) -> list[int]:
    """Return the different numbers of classes to forget, in the order given."""
    return list(dict.fromkeys(resolved(k, classes) for k in ks))


def drawn(classes: Sequence[str], k: int, number: int | str, seed: int) -> list[tuple[str, ...]]:
    """Return sets of `k` classes: all of them for `EVERY`, else a seeded sample of that number, without repeats.

    If there are no more than that, all are returned. A sample keeps the order of drawing, so that a larger sample
    begins with the smaller one. The order of `classes` doesn't matter. Raises `UsageError` for too many to list.
    """
    names, count = sorted(classes), comb(len(classes), k)
    if number == EVERY or count <= int(number):
        if count > MOST_LISTED:
            raise UsageError(
                f"there are {count:,} sets of {k} of {len(names)} classes; give sets a number up to {MOST_LISTED:,}"
            )
        return list(combinations(names, k))
    rng = np.random.default_rng(derive_seed(seed, "class sets", k))
    samples: dict[tuple[str, ...], None] = {}
    while len(samples) < int(number):
        chosen = np.sort(rng.choice(len(names), k, replace=False))
        samples.setdefault(tuple(names[position] for position in chosen))
    return list(samples)


def stated(classes: int, k: int, number: int | str) -> str:
    """Say which sets are forgotten.

    >>> stated(8, 4, 3), stated(8, 1, "all"), stated(3, 1, 5)
    ('3 of 70 sets, drawn by seed', 'all 8 sets', 'all 3 sets')
    """
    count = comb(classes, k)
    every = number == EVERY or count <= int(number)
    return f"all {count} sets" if every else f"{number} of {count} sets, drawn by seed"
