"""Sizes of records' files are powers of two, whatever the names in them, and the files read as before."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load

from preforget.records import ClassRecord
from preforget.store.padding import HEADER_STEP, MOST_PADDING, padded, padded_size
from preforget.store.sealing import SEALED_BYTES, new_key, seal, unseal
from preforget.store.tensors import nonce_of, record_from_bytes, record_to_bytes


def record_of(values: int, label: str = "cat") -> ClassRecord:
    return ClassRecord(label, {"features": torch.arange(values, dtype=torch.int16)}, subject="Ada")


@settings(deadline=None)
@given(st.integers(0, 5000), st.text("abä猫", min_size=1, max_size=60), st.sampled_from([0, SEALED_BYTES]))
def test_any_record_reads_as_before(values: int, label: str, added: int) -> None:
    plain = record_to_bytes(record_of(values, label))
    content = padded(plain, added)
    size = len(content) + added
    assert size & (size - 1) == 0
    assert len(plain) <= size <= 2 * (len(plain) + HEADER_STEP + added)
    assert nonce_of(content) == nonce_of(plain)
    read = record_from_bytes("0" * 32, content)
    assert (read.label, read.subject) == (label, "Ada")
    torch.testing.assert_close(read.tensors["features"], torch.arange(values, dtype=torch.int16))
    assert padded(padded(content, SEALED_BYTES - added), added) == content


@pytest.mark.parametrize("values", [1, 3, 250, 500, 1200, 2040])
def test_a_name_has_no_part_in_the_size(values: int) -> None:
    sizes = {len(padded(record_to_bytes(record_of(values, "x" * n)))) for n in (1, 20, 100, 400)}
    assert len(sizes) == 1


def test_a_sealed_file_is_a_power_of_two() -> None:
    key, plain = new_key(), padded(record_to_bytes(record_of(10)), SEALED_BYTES)
    sealed = seal(plain, key, model="m", record="0" * 32)
    assert len(sealed) == 2048
    assert unseal(sealed, key, model="m", record="0" * 32) == plain


def test_the_largest_headers_are_still_read() -> None:
    """Padding may add up to `MOST_PADDING` bytes to a header; safetensors reads up to 100 MB."""
    content = record_to_bytes(record_of(5))
    length = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + length].ljust(MOST_PADDING + HEADER_STEP)
    tensors = load(len(header).to_bytes(8, "little") + header + content[8 + length :])
    assert tensors["features"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, 1),
        (3, 4),
        (1024, 1024),
        (2**26 + 1, 2**27),
        (2**27, 2**27),
        (2**30 - 5, 2**30),
        (2**30 + 1, 17 << 26),
    ],
)
def test_sizes_by_hand(size: int, expected: int) -> None:
    assert padded_size(size) == expected
