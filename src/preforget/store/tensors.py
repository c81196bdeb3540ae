"""Records and shared tensors as safetensors bytes; no pickle anywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from preforget.core.errors import StoreError
from preforget.records import ClassRecord


def record_to_bytes(record: ClassRecord) -> bytes:
    """Return a record as one safetensors file, label and slot in its header."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in record.tensors.items()}
    return save(tensors, metadata={"label": record.label, "slot": str(record.slot)})


def record_from_bytes(record_id: str, content: bytes) -> ClassRecord:
    """Read a record back; raises `StoreError` for damaged bytes."""
    tensors = tensors_from_bytes(content, f"record {record_id}")
    try:
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length])["__metadata__"]
        return ClassRecord(str(metadata["label"]), tensors, int(metadata["slot"]), record_id)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"record {record_id} is damaged: its header lacks label or slot") from error


def tensors_to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Return named tensors as one safetensors file."""
    return save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()})


def tensors_from_bytes(content: bytes, what: str) -> dict[str, Tensor]:
    """Read named tensors; raises `StoreError` that names `what` if the bytes are damaged."""
    try:
        return dict(load(content))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{what} is damaged: {error}") from error
