"""Hostile safetensors: only our errors, whatever header, shapes and offsets say."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import torch

from preforget.records import ClassRecord
from preforget.store.record_file import described
from preforget.store.tensors import record_from_bytes, record_to_bytes, tensors_from_bytes

from .conftest import Case, Range
from .draw import drawn, least
from .mutate import mutate_bytes, mutate_json

SHAPES = (
    [],
    [0],
    [1],
    [2**31],
    [2**62],
    [2**63],
    [2**64],
    [-1],
    [2**32, 2**32],
    [0, 2**62],
    [0, 2**63],
    [0, 2**64],
)
DTYPES = (
    *(
        "BOOL",
        "F4",
        "F6_E2M3",
        "F6_E3M2",
        "U8",
        "I8",
        "F8_E5M2",
        "F8_E4M3",
        "F8_E8M0",
        "I16",
        "U16",
        "F16",
        "BF16",
    ),
    *("I32", "U32", "F32", "C64", "F64", "I64", "U64", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "Q4", "", "f32"),
)


def safetensors(header: object, data: bytes, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def test_hostile_tensors(firing_range: Range) -> None:
    tensors = {"row": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(4), "none": torch.zeros(0, 3)}
    good = record_to_bytes(ClassRecord("class", tensors, 3, "0" * 32, "subject", "partner"))
    start = 8 + int.from_bytes(good[:8], "little")
    header, data = json.loads(good[8:start]), good[start:]
    random_ = random.Random(1)

    def hostile() -> Iterator[tuple[str, bytes]]:
        for dtype in DTYPES:
            for shape in (*SHAPES, [len(data)], [0] * 70, [1] * 70):
                for end in (0, 1, len(data), 2**63, 2**64 - 1):
                    entry = {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}
                    values = {"__metadata__": header["__metadata__"], "row": entry}
                    yield f"{dtype} {shape} {end}", safetensors(values, data[:end])
        for length in (0, 1, 2**20, 10**8, 10**8 + 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1):
            yield f"length {length}", safetensors(header, data, length)
        deep = b"[" * 100_000
        for text in (
            b"",
            b"{",
            deep,
            b'{"a":' * 5000,
            b'{"__metadata__":' + deep,
            b"\xff",
            b" " * 10**6,
            b"{}{}",
        ):
            yield f"header {text[:20]!r}", safetensors(text, data)
        for number in range(3500):
            yield f"json {number}", safetensors(mutate_json(random_, header), data)
        for number in range(2500):
            yield f"bytes {number}", mutate_bytes(random_, good)

    def cases() -> Iterator[Case]:
        for name, content in drawn(hostile()):
            yield "record", name, lambda: read(content)  # noqa: B023 (called before the next)
            yield "tensors", name, lambda: tensors_from_bytes(content, "shared")  # noqa: B023

    def read(content: bytes) -> None:
        record_from_bytes("0" * 32, content)
        described("0" * 32, "records/0", content, content)

    firing_range.attack(cases()).check(least(14_000))
