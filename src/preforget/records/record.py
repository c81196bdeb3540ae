"""Everything that a model holds about one class, one subject's part in a class, or one pair of classes."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

EVERY_CLASS = ""
"""The label of a record that concerns every class; no class can have it, since names aren't empty."""


def new_record_id() -> str:
    """Return 128 random bits as 32 hex digits: nothing about the class can be read from it."""
    return secrets.token_hex(16)


@dataclass(frozen=True)
class ClassRecord:
    """One piece of knowledge that is destroyed as a whole: its label, its tensors by name, and a random id.

    `slot`: its lasting place in the bank, in engines with a packed one; `subject`: the one person whose inputs it
    comes from, where that is known; `partner`: the second class of a record that tells two classes apart.
    """

    label: str
    tensors: Mapping[str, Tensor]
    slot: int | None = None
    id: str = field(default_factory=new_record_id)
    subject: str | None = None
    partner: str | None = None

    def __repr__(self) -> str:
        """Leave names out: they can be those of persons, and reprs end in logs."""
        return f"ClassRecord(id={self.id!r}, slot={self.slot})"

    def copy(self) -> ClassRecord:
        """Return the same record with tensors of its own."""
        return replace(self, tensors={name: tensor.clone() for name, tensor in self.tensors.items()})

    def concerns(self, label: str) -> bool:
        """Tell whether a class has a part in the record."""
        return label in (self.label, self.partner)

    def digest(self) -> str:
        """Return the SHA-256 of names and tensors as `sha256:<hex>`; the random id and the slot have no part in it."""
        total = hashlib.sha256(json.dumps([self.label, self.subject, self.partner]).encode())
        for name, tensor in sorted(self.tensors.items()):
            total.update(f"\0{name}{tuple(tensor.shape)}{tensor.dtype}\0".encode())
            total.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return f"sha256:{total.hexdigest()}"


def relabelled(record: ClassRecord, old: str, new: str) -> ClassRecord:
    """Return a record with a new id in which a class is named anew; one that doesn't name it as it is.

    The tensors are shared. Two names of a pair stay in the order in which they were.
    """
    if not record.concerns(old):
        return record
    label, partner = (new if name == old else name for name in (record.label, record.partner))
    return replace(record, label=str(label), partner=partner, id=new_record_id())
