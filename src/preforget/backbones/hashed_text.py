"""The backbone `builtin-text`: counts of words, pairs of words and pieces of words, along fixed random directions.

Nothing in it was learned from anyone's text. A piece's direction follows from a hash of the piece alone, so there is no
vocabulary either. It tells texts by the words and spellings they share, not by what they mean.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import ClassVar
from zlib import crc32

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from preforget.backbones.encoder import Identity
from preforget.backbones.vectors import VectorEncoder, vector_encoder
from preforget.core.errors import DataError, UsageError
from preforget.core.hashing import value_digest
from preforget.data.dataset import Images
from preforget.data.texts import Texts

BUILTIN_TEXT = "builtin-text"
VERSION = "hashed-ngrams/1"
WIDTH = 512
SHORTEST, LONGEST = 3, 5
"""Letters of a piece of a word."""

DIRECTIONS = 4
"""How many numbers a piece adds to; each by plus or minus one."""

WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class HashedTextEncoder(VectorEncoder):
    """A backbone without blocks and weights, of texts; a text of any length becomes `d` numbers at unit length."""

    kind: ClassVar[str] = "texts"

    def read(self, inputs: Images, rows: Sequence[int]) -> Tensor:
        """Return the numbers of the chosen texts, `float64 [batch, d]`; raises `DataError` for other inputs."""
        if not isinstance(inputs, Texts):
            raise DataError("the backbone reads texts, and these inputs are something else")
        return torch.from_numpy(np.stack([numbers(str(inputs.values[int(row)]), self.dim) for row in rows]))


def pieces(text: str) -> Iterator[str]:
    """Yield the words of a text, its pairs of words, and the pieces of its words, in lower case.

    >>> sorted(pieces("Ab cd"))
    [' ab', ' ab ', ' cd', ' cd ', 'ab', 'ab ', 'ab cd', 'cd', 'cd ']
    """
    words = WORD.findall(text.lower())
    yield from words
    yield from (f"{first} {second}" for first, second in pairwise(words))
    for word in words:
        marked = f" {word} "
        for length in range(SHORTEST, LONGEST + 1):
            yield from (marked[start : start + length] for start in range(len(marked) - length + 1))


def numbers(text: str, width: int) -> npt.NDArray[np.float64]:
    """Return a text as `[width]` at unit length: one plus the logarithm of each piece's count, along its directions."""
    total = np.zeros(width)
    for piece, count in sorted(Counter(pieces(text)).items()):
        weight = 1.0 + np.log(count)
        for number in range(DIRECTIONS):
            hashed = crc32(f"{number}{piece}".encode("utf-8", "surrogatepass"))
            total[(hashed >> 1) % width] += weight if hashed & 1 else -weight
    length = np.sqrt(np.square(total).sum())
    return total / length if length else total


def hashed_text_encoder(width: int | None, device: torch.device, dtype: torch.dtype) -> HashedTextEncoder:
    """Return the backbone with `width` numbers a text, 512 unless told otherwise; raises `UsageError`."""
    if dtype != torch.float32:
        raise UsageError(f"the backbone {BUILTIN_TEXT!r} computes in float32; leave dtype out")
    plain = vector_encoder(WIDTH if width is None else width, device)
    identity = Identity(BUILTIN_TEXT, None, VERSION, value_digest([VERSION, plain.dim]))
    values = {one.name: getattr(plain, one.name) for one in fields(plain)}
    return replace(HashedTextEncoder(**values), identity=identity)
