"""Small safetensors files, of which a model can have a hundred thousand, read several times faster than by the library.

What is unusual in a file, and so everything that is wrong with it, is left to the library.
"""

from __future__ import annotations

import json
import math

import torch
from torch import Tensor

SMALL = 2**16
"""Larger files are left to the library, which takes as long for them."""

_TYPES = {
    "I16": (torch.int16, 2),
    "I64": (torch.int64, 8),
    "F32": (torch.float32, 4),
    "F64": (torch.float64, 8),
}
_ENTRY = {"dtype", "shape", "data_offsets"}


def read_small(content: bytes) -> tuple[dict[str, str], dict[str, Tensor]] | None:
    """Return metadata and tensors of a safetensors file, None for one that the library must read."""
    start = 8 + int.from_bytes(content[:8], "little")
    raw = content[8:start].rstrip(b" ")
    if not 10 <= start <= len(content) or not raw.startswith(b"{") or b"\\" in raw:
        return None  # what is escaped could be no text
    try:
        header = json.loads(raw)
        metadata = header.pop("__metadata__")
    except (ValueError, KeyError, RecursionError):
        return None
    if raw.count(b'"data_offsets"') != len(header) or not isinstance(metadata, dict):
        return None  # a name that is there twice, too
    if not all(isinstance(value, str) for value in metadata.values()):
        return None
    data = bytearray(memoryview(content)[start:])
    tensors, ranges = {}, []
    for name, entry in header.items():
        tensor = _tensor(entry, data)
        if tensor is None:
            return None
        tensors[name] = tensor
        ranges.append(entry["data_offsets"])
    ranges.sort()
    ends = [0, *(end for _, end in ranges)]
    if ends[-1] != len(data) or any(begin != end for (begin, _), end in zip(ranges, ends, strict=False)):
        return None
    return metadata, tensors


def _tensor(entry: object, data: bytearray) -> Tensor | None:
    """Return one tensor, which shares the bytes with `data`."""
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
    kind, size = _TYPES[dtype]
    begin, end = offsets
    count = math.prod(shape)
    if end - begin != count * size or end > len(data) or begin % size:
        return None
    if count == 0:
        return torch.empty(shape, dtype=kind)
    return torch.frombuffer(data, dtype=kind, count=count, offset=begin).view(shape)
