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
    places: dict[str, list[int]] = {}
    for position, name in enumerate(labels):
        places.setdefault(name, []).append(position)
    parts: list[list[Positions]] = [[] for _ in fractions]
    for label in sorted(places):
        members = np.array(places[label], dtype=np.intp)
        np.random.default_rng(derive_seed(seed, "split", label)).shuffle(members)
        ends = np.cumsum(part_sizes(len(members), fractions))
        for part, piece in zip(parts, np.split(members, ends[:-1]), strict=True):
            part.append(piece)
    return tuple(np.sort(np.concatenate(part)) if part else np.empty(0, dtype=np.intp) for part in parts)


def split_units(split: Split, fractions: Sequence[float], seed: int) -> tuple[Positions, ...]:
    """Divide inputs into one ascending array of positions per fraction, each unit by itself; see `unit_names`.

    Where all persons of a class have too few inputs for that, so that a part would get none of the class, whole persons
    go into one part or another: each draws a number of its own, which no other person moves; only where a part would
    still be empty the person whose number is nearest goes into it.
    """
    pieces = stratified_split(unit_names(split), fractions, seed)
    if split.subjects is None or split.multilabel:
        return pieces
    part_of = _parts_of(pieces, len(split))
    wanted = [part for part, fraction in enumerate(fractions) if fraction > 0]
    for label in sorted(set(split.labels)):
        members = np.flatnonzero(split.labels == label)
        persons = sorted(set(split.subjects[members]))
        lacking = set(wanted) - set(part_of[members].tolist())
        if lacking and len(persons) > 1:
            drawn = _draw_persons(label, persons, fractions, seed)
            part_of[members] = [drawn[person] for person in split.subjects[members]]
    return _pieces_of(part_of, len(fractions))


def split_persons(split: Split, fractions: Sequence[float], seed: int) -> tuple[Positions, ...]:
    """Divide inputs so that each person is in one part alone, drawing as `split_units` does.

    A class that a part would lack gets the person whose number is nearest to it, unless another class would be lacking
    then. One whose inputs would all leave the first part keeps its person with the smallest number there.
    """
    if split.subjects is None:
        raise UsageError("the split is to keep persons together, and no subjects are given; give --subjects")
    persons = sorted(set(split.subjects))
    drawn = _draw_persons("", persons, fractions, seed)
    numbers = {person: _number_of("", person, seed) for person in persons}
    labels_of: dict[str, set[str]] = {}
    for label, person in zip(split.labels, split.subjects, strict=True):
        for name in (label,) if isinstance(label, str) else label:
            labels_of.setdefault(name, set()).add(person)
    middles = np.cumsum(fractions) - np.array(fractions) / 2
    for part in sorted(range(len(fractions)), key=lambda part: (part > 0, -fractions[part])):
        for label in sorted(labels_of) if fractions[part] > 0 else ():
            if any(drawn[person] == part for person in labels_of[label]):
                continue
            free = [p for p in sorted(labels_of[label]) if _can_leave(p, drawn, labels_of)]
            if free:
                drawn[min(free, key=lambda p: abs(numbers[p] - middles[part]))] = part
            elif part == 0:
                drawn[min(labels_of[label], key=numbers.__getitem__)] = 0
    return _pieces_of(np.array([drawn[person] for person in split.subjects]), len(fractions))


def keep_together(pieces: Sequence[Positions], groups: Sequence[Sequence[int]]) -> tuple[Positions, ...]:
    """Return the parts with all positions of each group in the part of its first one.

    >>> [part.tolist() for part in keep_together([np.array([0, 1]), np.array([2, 3])], [[1, 3]])]
    [[0, 1, 3], [2]]
    """
    part_of = _parts_of(pieces, sum(map(len, pieces)))
    for group in groups:
        part_of[list(group)] = part_of[group[0]]
    return _pieces_of(part_of, len(pieces))


def keep_rare(labels: Labels, pieces: Sequence[Positions], least: int) -> tuple[Positions, ...]:
    """Return the parts with `least` inputs of each condition in the first, if there are so many; others stay.

    For inputs with several labels, whose parts are drawn without looking at conditions: a rare one could be missing.
    """
    part_of = _parts_of(pieces, len(labels))
    for name in sorted({name for names in labels for name in names}):
        marked = [position for position, names in enumerate(labels) if name in names]
        lacking = least - sum(part_of[position] == 0 for position in marked)
        for position in [position for position in marked if part_of[position]][: max(0, lacking)]:
            part_of[position] = 0
    return _pieces_of(part_of, len(pieces))


def _can_leave(person: str, drawn: dict[str, int], labels_of: dict[str, set[str]]) -> bool:
    """Tell whether the part of a person keeps another one of each of the person's classes."""
    return all(
        any(drawn[other] == drawn[person] for other in members if other != person)
        for members in labels_of.values()
        if person in members
    )


def _draw_persons(
    label: str, persons: Sequence[str], fractions: Sequence[float], seed: int
) -> dict[str, int]:
    """Return the part of each person, by a number that each draws alone; no part is empty if there are enough."""
    numbers = {person: _number_of(label, person, seed) for person in persons}
    ends = np.cumsum(fractions)
    parts = {
        person: min(int(np.searchsorted(ends, number, side="right")), len(ends) - 1)
        for person, number in numbers.items()
    }
    # from the largest share to the smallest, so that few persons are learned from and tested before they calibrate
    for part in sorted(range(len(fractions)), key=lambda part: (part > 0, -fractions[part])):
        if fractions[part] <= 0 or part in parts.values():
            continue
        given = [p for p in persons if sum(other == parts[p] for other in parts.values()) > 1]
        if part == 0:
            given = given or list(persons)
        if given:
            middle = ends[part] - fractions[part] / 2
            parts[min(given, key=lambda p: (abs(numbers[p] - middle), p))] = part
    return parts


def _number_of(label: str, person: str, seed: int) -> float:
    return float(np.random.default_rng(derive_seed(seed, "person", label, person)).random())


def _parts_of(pieces: Sequence[Positions], count: int) -> npt.NDArray[np.intp]:
    part_of = np.zeros(count, dtype=np.intp)
    for part, piece in enumerate(pieces):
        part_of[piece] = part
    return part_of


def _pieces_of(part_of: npt.NDArray[np.intp], parts: int) -> tuple[Positions, ...]:
    return tuple(np.flatnonzero(part_of == part) for part in range(parts))
