"""Digests of bytes, of files and of plain values."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def bytes_digest(content: bytes) -> str:
    """Return the SHA-256 of bytes as `sha256:<hex>`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as `sha256:<hex>`, read in pieces."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def value_digest(value: Any) -> str:
    """Return the SHA-256 of a JSON-able value as `sha256:<hex>`; key order and white space don't matter.

    >>> value_digest({"a": 1, "b": 2}) == value_digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return bytes_digest(text.encode())
