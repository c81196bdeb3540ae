"""Fingerprints of pieces of erased files: whoever checks a receipt later finds what came back, and nobody reads them.

The ledger keeps them, so they must tell nothing. Of a sealed file they are of its ciphertext. Of a plain one only the
random bits in its header are taken: features could be guessed by somebody who has the inputs and the backbone.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from preforget.store.sealing import HEADER
from preforget.store.tensors import nonce_of

LENGTH = 64
"""Bytes of a piece."""

MOST, MOST_OF_ALL = 4, 2000
"""The most pieces of one file, and of all, unless one of each is more."""

_BASE = np.uint64(0x9E3779B97F4A7C15)
_BLOCK = 2**17

Numbers = npt.NDArray[np.uint64]


def fingerprints(contents: Sequence[bytes]) -> list[str]:
    """Return fingerprints of pieces of files, at least one of each, sorted."""
    count = max(1, min(MOST, MOST_OF_ALL // max(1, len(contents))))
    return sorted({_fingerprint(piece) for content in contents for piece in _pieces(content, count)})


def _pieces(content: bytes, count: int) -> list[bytes]:
    if not content.startswith(HEADER):
        return [nonce_of(content).hex().encode()]
    first, last = len(HEADER), len(content) - LENGTH
    starts = {first + (last - first) * n // max(1, count - 1) for n in range(count)}
    return [content[start : start + LENGTH] for start in sorted(starts)]


def _fingerprint(piece: bytes) -> str:
    """Return a fast sum and a slow one: the first finds a piece among many, the second makes sure."""
    return f"{int(sums(piece)[0]):016x}:{hashlib.sha256(piece).hexdigest()}"


def sums(content: bytes) -> Numbers:
    """Return a sum modulo 2^64 of each piece of `content`, by where it begins (Karp and Rabin 1987).

    >>> bool(sums(bytes(9) + b"a" * 70)[-1] == sums(b"a" * 64)[0])
    True
    """
    values = np.frombuffer(content, np.uint8).astype(np.uint64)
    powers = _powers(_BASE, len(values))
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values * powers, dtype=np.uint64)])
    inverse = np.uint64(pow(int(_BASE), -1, 2**64))
    starts = max(0, len(values) - LENGTH + 1)
    shifted: Numbers = (total[LENGTH:] - total[:starts]) * _powers(inverse, starts)
    return shifted


@functools.lru_cache(maxsize=8)
def _powers(base: np.uint64, count: int) -> Numbers:
    powers = np.full(count, base, np.uint64)
    powers[:1] = 1
    return np.cumprod(powers, dtype=np.uint64)


class Finder:
    """Tells whether bytes hold a piece that has one of some fingerprints."""

    def __init__(self, known: Collection[str]) -> None:
        pairs = [text.split(":") for text in known]
        self._sums = np.unique(np.array([int(fast, 16) for fast, _ in pairs], np.uint64))
        self._digests = {slow for _, slow in pairs}
        self._low = np.zeros(2**16, np.bool_)
        self._low[(self._sums >> np.uint64(48)).astype(np.int64)] = True

    def holds(self, content: bytes) -> bool:
        """Search a block of any size."""
        step = _BLOCK - LENGTH + 1
        blocks = (content[start : start + _BLOCK] for start in range(0, len(content), step))
        return any(map(self._holds, blocks))

    def _holds(self, block: bytes) -> bool:
        if len(block) < LENGTH:
            return False
        checksums = sums(block)
        likely = np.flatnonzero(self._low[(checksums >> np.uint64(48)).astype(np.int64)])
        likely = likely[np.isin(checksums[likely], self._sums)]
        return any(
            hashlib.sha256(block[start : start + LENGTH]).hexdigest() in self._digests
            for start in likely.tolist()
        )
