"""Everything that a model holds about one class."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


def new_record_id() -> str:
    """Return 128 random bits as 32 hex digits: nothing about the class can be read from it."""
    return secrets.token_hex(16)


@dataclass(frozen=True)
class ClassRecord:
    """One class: its label, its tensors by name, the lasting slot where it is computed, and a random id."""

    label: str
    tensors: Mapping[str, Tensor]
    slot: int | None = None
    id: str = field(default_factory=new_record_id)

    def __repr__(self) -> str:
        """Leave the label out: it can be a person's name, and reprs end in logs."""
        return f"ClassRecord(id={self.id!r}, slot={self.slot})"
