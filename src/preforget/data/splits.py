"""Seeded splits in which the parts of a class don't depend on the other classes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from preforget.core.errors import UsageError
from preforget.core.seeds import derive_seed
from preforget.data.dataset import Labels, Split, label_array

Positions = npt.NDArray[np.intp]


def part_sizes(count: int, fractions: Sequence[float]) -> list[int]:
    """Return how many of `count` inputs each part gets: largest remainders, first part never empty.

    With at least as many inputs as parts, no part of a positive fraction is empty; with fewer, the first part is
    filled first, then the larger fractions.

    >>> part_sizes(10, [0.7, 0.1, 0.2])
    [7, 1, 2]
    >>> part_sizes(2, [0.7, 0.1, 0.2])
    [1, 0, 1]
    """
    quotas = [fraction * count for fraction in fractions]
    sizes = [math.floor(quota + 1e-9) for quota in quotas]
    by_remainder = sorted(range(len(sizes)), key=lambda part: (sizes[part] - quotas[part], part))
    for part in by_remainder[: count - sum(sizes)]:
        sizes[part] += 1
    for part in sorted(range(len(sizes)), key=lambda part: (part > 0, -fractions[part], part)):
        largest = max(range(len(sizes)), key=lambda other: sizes[other])
        can_give = sizes[largest] > 1 or (part == 0 and count > 0)
        if fractions[part] > 0 and sizes[part] == 0 and can_give:
            sizes[largest] -= 1
            sizes[part] += 1
    return sizes


def unit_names(split: Split) -> Labels:
    """Return, for each input `[n]`, the name of what can be forgotten by itself: its class, or class and subject.

    For inputs with several labels it is the subject alone, so that no condition moves an input to another part.
    """
    if split.multilabel:
        return label_array([subject or "" for _, subject in split.units])
    return label_array(
        [label if subject is None else f"{label}\x1f{subject}" for label, subject in split.units]
    )


def stratified_split(
    labels: Sequence[str] | Labels, fractions: Sequence[float], seed: int
) -> tuple[Positions, ...]:
    """Divide positions `[n]` into one ascending array per fraction, class by class.

    Each class draws from its own stream, `derive_seed(seed, "split", label)`, over its own inputs in
    their order, so adding or removing another class moves no input. Raises `UsageError` for fractions
    that are negative, that don't sum to 1, or whose first isn't positive.
    """
    if not fractions or fractions[0] <= 0 or min(fractions) < 0 or not math.isclose(sum(fractions), 1):
        raise UsageError(f"fractions {list(fractions)} must be positive and sum to 1")
    names = np.asarray(labels, dtype=object)
    parts: list[list[Positions]] = [[] for _ in fractions]
    for label in sorted(set(labels)):
        members = np.flatnonzero(names == label)
        np.random.default_rng(derive_seed(seed, "split", label)).shuffle(members)
        ends = np.cumsum(part_sizes(len(members), fractions))
        for part, piece in zip(parts, np.split(members, ends[:-1]), strict=True):
            part.append(piece)
    return tuple(np.sort(np.concatenate(part)) if part else np.empty(0, dtype=np.intp) for part in parts)
