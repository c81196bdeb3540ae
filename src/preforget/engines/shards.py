"""Which inputs one of several machines reads: whole batches of units, in order, about the same number each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from preforget.core.errors import UsageError

MOST = 10_000
"""The most shards of one learning."""


@dataclass(frozen=True)
class Shard:
    """The `number`th of `count` shares of the inputs, from 1; raises `UsageError` for numbers that can't be."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count <= MOST:
            raise UsageError(
                f"{self.number}/{self.count} is no shard: give i/n with i from 1 to n, n at most {MOST:,}"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the shard that `2/7` means; raises `UsageError`."""
        numbers = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        if numbers is None:
            raise UsageError(f"{text!r} is no shard: give i/n, such as 2/7 for the second of seven")
        return cls(int(numbers[1]), int(numbers[2]))

    def __str__(self) -> str:
        """Return it as it is parsed."""
        return f"{self.number}/{self.count}"

    def chosen(self, sizes: Sequence[int]) -> list[bool]:
        """Return of each batch, by the sizes of all in order, whether it is this shard's.

        >>> Shard(2, 2).chosen([128, 40, 128, 3])
        [False, False, True, True]
        """
        total, start, mine = sum(sizes), 0, []
        for size in sizes:
            middle = start + size / 2
            mine.append(int(middle * self.count / total) + 1 == self.number if size else False)
            start += size
        return mine
