"""Names of the files in a model folder, and checks of what is there."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from preforget.core.errors import IntegrityError, StoreError

RECORDS = "records"
PACKS = "packs"
SHARED = "shared.safetensors"
LEDGER = "ledger.sqlite3"
RECEIPTS = "receipts"
FOLDERS = (RECORDS, PACKS, RECEIPTS)
"""What lies in a model folder beside files."""

INTENT = "erasing.json"
"""The announcement of an erasure that has begun and not ended."""

LONGEST_NAME = 255
"""Bytes of a name of a file in common file systems."""

PLAIN, SEALED = ".safetensors", ".sealed"

FROM_BACKUP = "put a backup of the whole folder in its place, then run: preforget restore MODEL"
"""The remedy for a record that is lost: a file alone could be that of a class that was forgotten."""


def record_name(record_id: str, sealed: bool) -> str:
    """Return the name of a record's file, relative to the model folder."""
    return f"{RECORDS}/{record_id}{SEALED if sealed else PLAIN}"


def pack_name(pack_id: str) -> str:
    """Return the name of a pack's file, relative to the model folder."""
    return f"{PACKS}/{pack_id}.pack"


def receipt_name(erasure: str) -> str:
    """Return the name of a receipt's file, relative to the model folder."""
    return f"{RECEIPTS}/{erasure}.json"


def unfinished_name(name: str) -> str:
    """Return the name of a folder while it is made: from its final name, or from a digest of one that is too long.

    >>> unfinished_name("model"), len(unfinished_name("x" * 255)) <= 255
    ('.model.unfinished', True)
    """
    if len(os.fsencode(name)) > LONGEST_NAME - len("..unfinished"):
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return f".{name}.unfinished"


def check_free(path: Path) -> None:
    """Raise `StoreError` unless nothing, or an empty folder, lies at `path`."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise StoreError(f"{path} exists and is not a folder; choose another place for the model")
    if path.is_dir() and any(path.iterdir()):
        raise StoreError(
            f"{path} is not empty; choose another place for the model, or delete the folder first"
        )


def check_kinds(folder: Path) -> None:
    """Raise `IntegrityError` for a link, a pipe, a device or an unknown folder; nothing has been read or deleted then.

    Raises `OSError`.
    """
    for parent in (folder, *(folder / name for name in FOLDERS)):
        if parent != folder and not os.path.lexists(parent):
            continue
        for entry in _entries(parent):
            status = entry.stat(follow_symlinks=False)
            known = parent == folder and entry.name in FOLDERS
            name = entry.name if parent == folder else f"{parent.name}/{entry.name}"
            if stat.S_ISLNK(status.st_mode):
                raise IntegrityError(
                    f"{folder} holds a link, {name!a}, where a file belongs; put the file there"
                )
            if not (stat.S_ISDIR(status.st_mode) if known else stat.S_ISREG(status.st_mode)):
                raise IntegrityError(f"{folder} holds {name!a}, which is no file of a model; move it away")


def check_names(folder: Path, expected: Iterable[str], allowed: Iterable[str] = ()) -> None:
    """Raise `IntegrityError` for a file that is missing, a link, or neither expected nor allowed."""
    wanted, tolerated = set(expected), set(allowed)
    check_kinds(folder)
    present = {entry.name for entry in _entries(folder)} - {*FOLDERS}
    for name in FOLDERS:
        if (folder / name).is_dir():
            present |= {f"{name}/{entry.name}" for entry in _entries(folder / name)}
    missing, extra = sorted(wanted - present), sorted(present - wanted - tolerated)
    if missing:
        raise IntegrityError(f"{folder} is incomplete: {missing[0]} is missing; {FROM_BACKUP}")
    if extra:
        raise IntegrityError(f"{folder} holds a file that is not the model's: {extra[0]}; move it away")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)
