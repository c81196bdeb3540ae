"""Pieces of erased files are found by their fingerprints wherever they lie, and fingerprints tell nothing."""

from __future__ import annotations

import hashlib
import random

import pytest
import torch

from preforget.erasure.pieces import LENGTH, MOST, MOST_OF_ALL, Finder, fingerprints, sums
from preforget.records import ClassRecord
from preforget.store.sealing import SEALED_BYTES, new_key, seal
from preforget.store.tensors import nonce_of, record_to_bytes


def plain() -> bytes:
    return record_to_bytes(ClassRecord("cat", {"row": torch.rand(50)}, subject="Ada"))


def sealed() -> bytes:
    return seal(bytes(1000), new_key(), model="m", record="0" * 32)


def test_sums_by_an_independent_way() -> None:
    content = random.Random(0).randbytes(200)
    expected = [
        sum(byte * pow(0x9E3779B97F4A7C15, k, 2**64) for k, byte in enumerate(content[i : i + LENGTH]))
        % 2**64
        for i in range(len(content) - LENGTH + 1)
    ]
    assert sums(content).tolist() == expected
    assert sums(content[: LENGTH - 1]).tolist() == []


@pytest.mark.parametrize("at", [0, 1, 2**17 - LENGTH, 2**17 - LENGTH + 1, 2**17 - 1, 2**17, 3 * 2**17 - 5])
def test_a_piece_is_found_anywhere(at: int) -> None:
    content, rng = sealed(), random.Random(1)
    finder = Finder(fingerprints([content]))
    around = rng.randbytes(3 * 2**17)
    assert not finder.holds(around)
    for start in (SEALED_BYTES - 28, len(content) - LENGTH):  # the first and the last of its pieces
        piece = content[start : start + LENGTH]
        assert finder.holds(around[:at] + piece + around[at:])
        other = bytes([piece[0] ^ 1])  # what is before it could be its first byte by chance
        assert not finder.holds(around[:at] + other + piece[1:] + around[at:])


def test_of_a_plain_file_only_what_nobody_can_guess_is_taken() -> None:
    content = plain()
    (text,) = fingerprints([content])
    nonce = nonce_of(content).hex().encode()
    assert text == f"{int(sums(nonce)[0]):016x}:{hashlib.sha256(nonce).hexdigest()}"
    assert Finder([text]).holds(b"x" + content)
    assert fingerprints([plain()]) != [text]  # the same record has other random bits


def test_of_many_files_one_piece_each() -> None:
    assert len(fingerprints([sealed()])) == MOST
    assert len(fingerprints([sealed() for _ in range(MOST_OF_ALL // 2)])) == MOST_OF_ALL
    assert len(fingerprints([plain() for _ in range(3)])) == 3


def test_bytes_with_the_same_sum_are_not_taken_for_a_piece() -> None:
    """Karp and Rabin's sum can be forged; the SHA-256 beside it can't."""
    piece = sealed()[-LENGTH:]
    (text,) = [f"{int(sums(piece)[0]):016x}:{'0' * 64}"]
    assert not Finder([text]).holds(piece)
