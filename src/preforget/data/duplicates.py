"""Find inputs that are there more than once: the same content, and pictures that look alike.

Two pictures look alike if a fingerprint of 64 bits, the signs of the differences of neighbours in a grey thumbnail of
9 x 8 (dHash; N. Krawetz, "Kind of like that", 2013), is equal in one of its quarters, and thumbnails of 16 x 16 differ
by `MEAN` grey levels on average and nowhere by more than `MOST`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError
from preforget.data.repeated import NEAR, PERSON, SAME, Copy, Repeated

SIDE = 16
MEAN, MOST = 2.0, 16
LEAST_SPREAD = 24
"""Thumbnails that span fewer grey levels are too plain to be told apart."""

CROWD = 64
"""Of more pictures with an equal quarter of a fingerprint only neighbours in the list are compared."""

AT_ONCE = 4096
"""Pairs of thumbnails that are compared at once."""

LISTED = 5
"""How many of each kind an error names before it counts the others."""

ACROSS = {
    SAME: (
        "input is the same in several parts of the split",
        "inputs are the same in several parts of the split",
    ),
    NEAR: (
        "picture looks like others in another part of the split",
        "pictures look like others in another part of the split",
    ),
    PERSON: ("person is in several parts of the split", "persons are in several parts of the split"),
}

Thumbs = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.intp]


def groups_of_same(digests: Sequence[bytes]) -> list[list[int]]:
    """Return the positions of equal digests, ascending, for each that occurs more than once.

    >>> groups_of_same([b"a", b"b", b"a"])
    [[0, 2]]
    """
    seen, again = set[bytes](), set[bytes]()
    for digest in digests:
        (again if digest in seen else seen).add(digest)
    positions: dict[bytes, list[int]] = {}
    for position, digest in enumerate(digests):
        if digest in again:
            positions.setdefault(digest, []).append(position)
    return list(positions.values())


def groups_of_near(thumbs: Sequence[Thumbs | None], digests: Sequence[bytes]) -> list[list[int]]:
    """Return the positions of pictures that look alike but differ in content, ascending; thumbnails `[16, 16]`."""
    chosen = [i for i, thumb in enumerate(thumbs) if thumb is not None and np.ptp(thumb) >= LEAST_SPREAD]
    if len(chosen) < 2:
        return []
    pictures = np.stack([thumb for i in chosen if (thumb := thumbs[i]) is not None]).astype(np.int16)
    leader = list(range(len(chosen)))

    def first(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    for lefts, rights in _candidates(_fingerprints(pictures)):
        for start in range(0, len(lefts), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            apart = np.abs(pictures[lefts[some]] - pictures[rights[some]])
            near = (apart.max(axis=(1, 2)) <= MOST) & (apart.mean(axis=(1, 2)) <= MEAN)
            for left, right in zip(lefts[some][near].tolist(), rights[some][near].tolist(), strict=True):
                low, high = sorted((first(left), first(right)))
                leader[high] = low
    members: dict[int, list[int]] = {}
    for i in range(len(chosen)):
        members.setdefault(first(i), []).append(chosen[i])
    return [group for group in members.values() if len({digests[i] for i in group}) > 1]


def repeated(
    copies: Sequence[Copy], digests: Sequence[bytes], thumbs: Sequence[Thumbs | None] = ()
) -> tuple[Repeated, ...]:
    """Return all groups of inputs that are alike, those of the same content first."""
    same = [Repeated(SAME, tuple(copies[i] for i in group)) for group in groups_of_same(digests)]
    near = groups_of_near(thumbs, digests) if len(thumbs) else []
    return (*same, *(Repeated(NEAR, tuple(copies[i] for i in group)) for group in near))


def refuse_across_parts(source: object, groups: Iterable[Repeated], allow: bool) -> None:
    """Raise `DataError` for inputs that are alike, or of one person, in several parts of a split, unless allowed."""
    across = [group for group in groups if group.across_parts]
    if not across or allow:
        return
    texts = []
    for kind, (one, several) in ACROSS.items():
        chosen = [group for group in across if group.kind == kind]
        if chosen:
            listed = "\n".join(f"  {_shown_across(group)}" for group in chosen[:LISTED])
            more = f"\n  and {len(chosen) - LISTED:,} more" if len(chosen) > LISTED else ""
            texts.append(
                f"{f'{len(chosen):,} {several}' if len(chosen) > 1 else f'1 {one}'}:\n{listed}{more}"
            )
    listed = "\n".join(texts)
    raise DataError(
        f"{source}: {listed}\nWhat is tested was learned from in this way. Remove them from one part; --duplicates "
        "FILE lists all, --allow-duplicates (allow_duplicates=True) takes them as they are"
    )


def sentences(groups: Sequence[Repeated]) -> list[str]:
    """Return one sentence on inputs of the same content and one on pictures that look alike, where there are any."""
    texts = {
        SAME: ("input is there", "inputs are there", "more than once with the same content"),
        NEAR: ("picture looks", "pictures look", "like others, such as copies that were saved anew"),
    }
    said = []
    for kind, (one, several, rest) in texts.items():
        chosen = [group for group in groups if group.kind == kind]
        count = sum(len(group.copies) - 1 for group in chosen)
        if chosen:
            counts = ", ".join(_counted(chosen))
            said.append(
                f"{count:,} {one if count == 1 else several} {rest}: {counts}, such as {_shown(chosen[0])}"
            )
    return said


def _counted(groups: Sequence[Repeated]) -> Iterator[str]:
    parts = sum(group.across_parts for group in groups)
    classes = sum(group.across_classes for group in groups)
    subjects = sum(group.across_subjects for group in groups)
    if parts:
        yield f"{parts:,} in several parts of the split"
    if classes:
        yield f"{classes:,} in several classes, so that one of them stays when a class is forgotten"
    if subjects:
        yield f"{subjects:,} of several persons, so that one of them stays when a person is forgotten"
    rest = sum(not (group.across_parts or group.across_classes or group.across_subjects) for group in groups)
    if rest:
        yield f"{rest:,} within a class"


def _shown_across(group: Repeated) -> str:
    """Return two places of a group in different parts."""
    first = group.copies[0]
    other = next((copy for copy in group.copies if copy.part != first.part), group.copies[-1])
    return f"{first.place} and {other.place}"


def _shown(group: Repeated) -> str:
    return " and ".join(str(copy.place) for copy in group.copies[:2])


def _fingerprints(pictures: npt.NDArray[np.int16]) -> npt.NDArray[np.uint16]:
    """Return the four quarters of each fingerprint, `[n, 4]`, from thumbnails `[n, 16, 16]`."""
    rows = (pictures[:, ::2] + pictures[:, 1::2]).astype(np.int32)  # [n, 8, 16]
    edges = np.linspace(0, SIDE, 10).round().astype(int)[:-1]
    cells = np.add.reduceat(rows, edges, axis=2) / np.diff([*edges, SIDE])  # [n, 8, 9]
    bits = (cells[:, :, 1:] > cells[:, :, :-1]).reshape(len(pictures), 4, 16)
    quarters: npt.NDArray[np.uint16] = (bits * (1 << np.arange(16))).sum(axis=2).astype(np.uint16)
    return quarters


def _candidates(quarters: npt.NDArray[np.uint16]) -> Iterator[tuple[Indices, Indices]]:
    """Yield pairs of pictures, as two arrays, with an equal quarter of the fingerprint; in a crowd only neighbours."""
    for column in quarters.T:
        order = np.argsort(column, kind="stable")
        _, where, sizes = np.unique(column[order], return_inverse=True, return_counts=True)
        crowded = sizes[where] > CROWD
        for apart in range(1, min(CROWD, len(order))):
            alike = where[apart:] == where[:-apart]
            if apart > 1:
                alike &= ~crowded[apart:]
            if not alike.any():
                break
            at = np.flatnonzero(alike)
            yield order[at], order[at + apart]
