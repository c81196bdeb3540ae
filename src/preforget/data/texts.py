"""Texts as inputs: sentences or documents, one per input, kept as they were given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError

LONGEST = 1 << 20
"""Characters; a longer text is refused: an encoder reads its first few hundred words."""


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts, `values [n]` of `str`; raises `DataError` for anything else, for an empty text and for a very long one."""

    values: npt.NDArray[np.object_]

    def __post_init__(self) -> None:
        v = self.values
        if not isinstance(v, np.ndarray) or v.dtype != object or v.ndim != 1:
            raise DataError("texts come as a numpy array [n] of str, a list or a column; texts_of makes one")
        for number, text in enumerate(v):
            if type(text) is not str:
                raise DataError(
                    f"text {number} is {type(text).__name__}, not str; leave it out or write what it says"
                )
            if not text.strip():
                raise DataError(f"text {number} is empty; leave it out")
            if len(text) > LONGEST:
                raise DataError(
                    f"text {number} has {len(text):,} characters, more than {LONGEST:,}; cut it into pieces"
                )

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, chosen: npt.NDArray[np.intp] | slice) -> Texts:
        """Return some of the texts."""
        return Texts(self.values[chosen])

    def __repr__(self) -> str:
        """Count the texts, without what they say."""
        return f"<Texts: {len(self)}>"


def texts_of(X: Any) -> Texts:
    """Return a list, a numpy array or a column of pandas as `Texts`; raises `DataError` as `Texts` does, or if empty.

    >>> texts_of(["what is my balance", "send money"])
    <Texts: 2>
    """
    if isinstance(X, Texts):
        return X
    if isinstance(X, str):
        raise DataError("one text was given; put it into a list, or read a file with load_data")
    if not isinstance(X, Iterable) or getattr(X, "ndim", 1) != 1:
        raise DataError(f"texts come as a list, an array [n] or a column, not as {type(X).__name__}")
    items = list(X)
    if not items:
        raise DataError("there are no inputs: the list is empty")
    values = np.empty(len(items), dtype=object)
    values[:] = [str(item) if isinstance(item, np.str_) else item for item in items]
    return Texts(values)
