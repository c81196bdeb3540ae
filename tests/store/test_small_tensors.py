"""Small files are read as the library reads them, and what is unusual is left to it."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load, save

from preforget.store.padding import padded
from preforget.store.small_tensors import read_small

TENSORS = {
    "features": torch.arange(12, dtype=torch.int16).view(3, 4),
    "count": torch.tensor(7),
    "row": torch.rand(5, dtype=torch.float64),
    "bias": torch.rand(()),
    "none": torch.empty(0, 4, dtype=torch.int16),
}
CONTENT = save(TENSORS, metadata={"label": "cat", "nonce": "1" * 64})


def test_it_reads_what_the_library_reads() -> None:
    for content in (CONTENT, padded(CONTENT), padded(CONTENT, 47)):
        read = read_small(content)
        assert read is not None
        metadata, tensors = read
        assert metadata == {"label": "cat", "nonce": "1" * 64}
        expected = load(content)
        assert tensors.keys() == expected.keys()
        for name, tensor in tensors.items():
            assert tensor.dtype == expected[name].dtype
            assert tensor.shape == expected[name].shape
            assert torch.equal(tensor, expected[name])


def test_its_tensors_can_be_overwritten_one_by_one() -> None:
    read = read_small(CONTENT)
    assert read is not None
    read[1]["features"].zero_()
    assert torch.equal(read[1]["row"], TENSORS["row"])


def test_another_kind_of_number_is_left_to_the_library() -> None:
    assert read_small(save({"x": torch.zeros(2, dtype=torch.bfloat16)}, metadata={"label": "cat"})) is None
    assert read_small(save({"x": torch.zeros(2)})) is None  # no metadata


def changed(**changes: object) -> bytes:
    length = int.from_bytes(CONTENT[:8], "little")
    header = {**json.loads(CONTENT[8 : 8 + length]), **changes}
    raw = json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + CONTENT[8 + length :]


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "I16", "shape": [3, 4], "data_offsets": [0, 26]},
        {"dtype": "I16", "shape": [3, -4], "data_offsets": [0, 24]},
        {"dtype": "I16", "shape": [3, 4], "data_offsets": [2**40, 2**40 + 24]},
        {"dtype": "I16", "shape": [True, 12], "data_offsets": [0, 24]},
        {"dtype": "I16", "shape": [3, 4], "data_offsets": [8, 32]},
        {"dtype": "I16", "shape": "34", "data_offsets": [0, 24]},
        {"dtype": "I16", "shape": [3, 4], "data_offsets": [0, 24], "more": 1},
        {"dtype": ["I16"], "shape": [3, 4], "data_offsets": [0, 24]},
        7,
    ],
)
def test_what_is_wrong_is_left_to_the_library(entry: object) -> None:
    assert read_small(changed(features=entry)) is None


def test_what_is_escaped_is_left_to_the_library() -> None:
    assert read_small(changed(__metadata__={"label": "\ud800"})) is None


def test_cut_off_longer_and_no_files_are_left_to_the_library() -> None:
    assert read_small(CONTENT[:-1]) is None
    assert read_small(CONTENT + b"\0") is None
    assert read_small(b"") is None
    assert read_small(b"\xff" * 40) is None
    assert read_small((10).to_bytes(8, "little") + b"[" * 40) is None
