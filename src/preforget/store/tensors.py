"""Records and shared tensors as safetensors bytes; no pickle anywhere."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from preforget.core.errors import StoreError
from preforget.records import ClassRecord
from preforget.store.small_tensors import SMALL, read_small

MOST_SLOTS = 2**16
"""The most slots of a bank: it takes memory for all slots up to the highest one."""


def record_to_bytes(record: ClassRecord) -> bytes:
    """Return a record as one safetensors file; its header has the label, and slot, subject and partner where there are.

    The header also gets 256 random bits, the `nonce`, which are destroyed with the file: afterwards nobody can tell
    from its digest what was in it, not even somebody who still has the images and the backbone.
    """
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in record.tensors.items()}
    names = {"label": record.label, "subject": record.subject, "partner": record.partner}
    slot = None if record.slot is None else str(record.slot)
    entries = {**names, "slot": slot, "nonce": secrets.token_hex(32)}
    return save(tensors, metadata={k: v for k, v in entries.items() if v is not None})


def record_from_bytes(record_id: str, content: bytes) -> ClassRecord:
    """Read a record back; raises `StoreError` for damaged bytes."""
    small = read_small(content) if len(content) <= SMALL else None
    tensors = tensors_from_bytes(content, f"record {record_id}") if small is None else small[1]
    try:
        metadata = _metadata(content) if small is None else small[0]
        slot = int(metadata["slot"]) if "slot" in metadata else None
        if slot is not None and not 0 <= slot < MOST_SLOTS:
            raise ValueError("slot out of range")
        subject, partner = metadata.get("subject"), metadata.get("partner")
        return ClassRecord(str(metadata["label"]), tensors, slot, record_id, subject, partner)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"record {record_id} is damaged: its header lacks a label, or its slot is no number"
        ) from error


def nonce_of(content: bytes) -> bytes:
    """Return the 256 random bits in the header of a record's file; raises `ValueError` where there are none."""
    nonce = _metadata(content).get("nonce", "")
    if not re.fullmatch("[0-9a-f]{64}", nonce):
        raise ValueError("a record's header has no nonce")
    return bytes.fromhex(nonce)


def _metadata(content: bytes) -> dict[str, str]:
    length = int.from_bytes(content[:8], "little")
    # without the blanks that pad it: they take longer than the rest
    metadata: dict[str, str] = json.loads(content[8 : 8 + length].rstrip(b" "))["__metadata__"]
    return metadata


def tensors_to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Return named tensors as one safetensors file."""
    return save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()})


def tensors_from_bytes(content: bytes, what: str) -> dict[str, Tensor]:
    """Read named tensors; raises `StoreError`, which names `what`, if the bytes are damaged."""
    try:
        return dict(load(content))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{what} is damaged: {error}") from error
