"""Where things lie in a model folder, and whether one can be made at a place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from preforget.core.errors import IntegrityError, StoreError

RECORDS = "records"
SHARED = "shared.safetensors"
LEDGER = "ledger.sqlite3"
RECEIPTS = "receipts"
INTENT = "erasing.json"
"""The announcement of an erasure that has begun and not ended."""

PLAIN, SEALED = ".safetensors", ".sealed"


def record_name(record_id: str, sealed: bool) -> str:
    """Return the name of a record's file, relative to the model folder."""
    return f"{RECORDS}/{record_id}{SEALED if sealed else PLAIN}"


def receipt_name(erasure: str) -> str:
    """Return the name of a receipt's file, relative to the model folder."""
    return f"{RECEIPTS}/{erasure}.json"


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of bytes as `sha256:<hex>`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def check_free(path: Path) -> None:
    """Raise `StoreError` unless nothing, or an empty folder, lies at `path`."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise StoreError(f"{path} exists and is not a folder; choose another place for the model")
    if path.is_dir() and any(path.iterdir()):
        raise StoreError(
            f"{path} is not empty; choose another place for the model, or delete the folder first"
        )


def check_names(folder: Path, expected: Iterable[str], allowed: Iterable[str] = ()) -> None:
    """Raise `IntegrityError` for a file that is missing, a link, or neither expected nor allowed."""
    wanted, tolerated = set(expected), set(allowed)
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_symlink() or not p.is_dir()}
    missing, extra = sorted(wanted - found), sorted(found - wanted - tolerated)
    if missing:
        raise IntegrityError(
            f"{folder} is incomplete: {missing[0]} is missing; restore the folder from a copy"
        )
    if extra:
        raise IntegrityError(f"{folder} holds a file that is not the model's: {extra[0]}; move it away")
    for name in sorted(found):
        if (folder / name).is_symlink():
            raise IntegrityError(f"{folder} holds a link, {name}, where a file belongs; put the file there")
