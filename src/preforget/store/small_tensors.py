"""Small safetensors files, of which a model can have a hundred thousand, read several times faster than by the library.

What is unusual in a file, and so everything that is wrong with it, is left to the library.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

SMALL = 2**16
"""Larger files are left to the library, which takes as long for them."""

_TYPES: dict[str, tuple[type[np.generic], int]] = {
    "I16": (np.int16, 2),
    "I64": (np.int64, 8),
    "F32": (np.float32, 4),
    "F64": (np.float64, 8),
}
_ENTRY = {"dtype", "shape", "data_offsets"}


def read_small(content: bytes) -> tuple[dict[str, str], dict[str, Tensor]] | None:
    """Return metadata and tensors of a safetensors file, None for one that the library must read."""
    start = 8 + int.from_bytes(content[:8], "little")
    raw = content[8:start].rstrip(b" ")
    if not 10 <= start <= len(content) or not raw.startswith(b"{") or b"\\" in raw:
        return None  # what is escaped could be no text
    try:
        header = json.loads(raw.decode())
        metadata = header.pop("__metadata__")
        layout = json.dumps(header)
    except (ValueError, KeyError, RecursionError):
        return None
    if raw.count(b'"data_offsets"') != len(header) or not isinstance(metadata, dict):
        return None  # a name that is there twice, too
    if not all(isinstance(value, str) for value in metadata.values()):
        return None
    data = bytearray(memoryview(content)[start:])
    parts = _parts(layout, len(data))
    return None if parts is None else (metadata, {part[0]: _tensor(*part[1:], data) for part in parts})


_Part = tuple[str, type[np.generic], list[int], int, int]
"""Name, type, shape, number of values and first byte of a tensor."""


@lru_cache(maxsize=256)
def _parts(layout: str, size: int) -> list[_Part] | None:
    """Return how tensors lie in `size` bytes by the JSON of a header without metadata.

    Records of as many inputs have the same header, and checking one takes longer than reading what it describes.
    """
    parts, ranges = [], []
    for name, entry in json.loads(layout).items():
        part = _part(name, entry, size)
        if part is None:
            return None
        parts.append(part)
        ranges.append(entry["data_offsets"])
    ranges.sort()
    ends = [0, *(end for _, end in ranges)]
    if ends[-1] != size or any(begin != end for (begin, _), end in zip(ranges, ends, strict=False)):
        return None
    return parts


def _part(name: str, entry: object, size: int) -> _Part | None:
    if not isinstance(entry, dict) or entry.keys() != _ENTRY:
        return None
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if (
        not isinstance(dtype, str)
        or dtype not in _TYPES
        or not isinstance(shape, list)
        or not isinstance(offsets, list)
        or len(offsets) != 2
    ):
        return None
    if not all(type(number) is int and 0 <= number < 2**31 for number in (*shape, *offsets)):
        return None
    kind, bytes_each = _TYPES[dtype]
    begin, end = offsets
    count = math.prod(shape)
    if end - begin != count * bytes_each or end > size or begin % bytes_each:
        return None
    return name, kind, shape, count, begin


def _tensor(kind: type[np.generic], shape: list[int], count: int, begin: int, data: bytearray) -> Tensor:
    """Return one tensor, which shares the bytes with `data`."""
    # by way of numpy, which takes a fraction of the time of torch's own functions for so few numbers
    return torch.from_numpy(np.frombuffer(data, dtype=kind, count=count, offset=begin).reshape(shape))
