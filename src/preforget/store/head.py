"""The end of a ledger: enough to notice later that rows are missing."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from preforget.core.errors import UsageError

GENESIS = f"sha256:{'0' * 64}"
"""The hash that the first row of a ledger names as its previous one."""


@dataclass(frozen=True)
class Head:
    """Number and hash (`sha256:<hex>`) of a ledger's last row; 0 and `GENESIS` for one without rows."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read what `str` writes; raises `UsageError`.

        >>> Head.parse("3:sha256:" + "ab" * 32).seq
        3
        """
        match = re.fullmatch(r"(\d{1,15}):(sha256:[0-9a-f]{64})", text, re.ASCII)
        if match is None:
            raise UsageError(f"{text!r} is no ledger head; it looks like 12:sha256:<64 hex digits>")
        return cls(int(match[1]), match[2])

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)
