"""What was read, in one line, and the table of inputs that are there more than once."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence

from preforget.core.names import printable
from preforget.data.dataset import Dataset, Split
from preforget.data.repeated import SAME, Repeated

NAMED = 8
"""Of more classes the counts are given as a range."""


def summary(data: Dataset, *, named: bool = True) -> str:
    """Return one line: inputs per part and class, and how many files were left out, by reason.

    `named`: whether classes are named, if there are few of them.
    """
    parts = [
        f"{name} {len(split):,}{_per_class(split, named)}"
        for name, split in (("train", data.train), ("validation", data.validation), ("test", data.test))
    ]
    reasons = [f"{count:,} {reason}" for reason, count in data.left_out]
    if data.skipped:
        reasons.append(f"{len(data.skipped):,} broken")
    left_out = f"; left out: {', '.join(reasons)}" if reasons else ""
    same = copies_in(data)
    return f"read {', '.join(parts)}{left_out}" + (f"; {counted(same, 'duplicate')}" if same else "")


def copies_in(data: Dataset) -> int:
    """Return how many inputs have the same content as another one, without the first of each."""
    return sum(len(group.copies) - 1 for group in data.repeated if group.kind == SAME)


def counted(number: int, word: str) -> str:
    """Return a number with a word, in the plural if it isn't 1.

    >>> counted(1, "file"), counted(1200, "file")
    ('1 file', '1,200 files')
    """
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def duplicates_table(groups: Sequence[Repeated]) -> str:
    """Return a line for each input that is there more than once, as CSV with a line of names."""
    text = io.StringIO()
    write = csv.writer(text, lineterminator="\n").writerow
    write(("group", "kind", "part", "class", "person", "place"))
    for number, group in enumerate(groups, start=1):
        for copy in group.copies:
            label = copy.label if isinstance(copy.label, str) else "|".join(copy.label)
            cells = (group.kind, copy.part, label, copy.subject or "", str(copy.place))
            write((number, *map(printable, cells)))
    return text.getvalue()


def _per_class(split: Split, named: bool) -> str:
    counts = Counter(
        name for label in split.labels for name in ((label,) if isinstance(label, str) else label)
    )
    if not counts:
        return ""
    if named and len(counts) <= NAMED:
        return f" ({', '.join(f'{name} {count:,}' for name, count in sorted(counts.items()))})"
    return f" ({len(counts):,} classes of {min(counts.values()):,} to {max(counts.values()):,})"
