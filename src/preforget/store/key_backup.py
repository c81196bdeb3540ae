"""Back up a keyring into one file, and make a keyring of it elsewhere.

A backup holds every key that existed when it was made, also those that are destroyed later: an erasure of a sealed
model reaches copies of its folder only when no older backup of the keyring is left.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preforget.core import targets
from preforget.core.canonical import canonical_json, read_canonical
from preforget.core.clock import now
from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.core.files import exclusive, make_private, read_regular, sync_folder, write_atomic
from preforget.store.key_file import SIGNING, FileKeyring
from preforget.store.key_page import DIGITS, KEYS, PAGE
from preforget.store.keyring_lock import LOCK
from preforget.store.private_file import changing, read_private
from preforget.store.signing import CURRENT, ROTATIONS

KIND = "preforget keyring"
MOST_BYTES = 1 << 30
"""Bytes of the largest backup that is read."""

_FILE = re.compile(
    rf"{re.escape(LOCK)}|[0-9a-z](?:[0-9a-z-]{{0,62}}[0-9a-z])?{re.escape(KEYS)}"
    rf"|[0-9a-z](?:[0-9a-z-]{{0,62}}[0-9a-z])?\.[0-9a-f]{{{DIGITS}}}{re.escape(PAGE)}"
    rf"|{SIGNING}/(?:{re.escape(CURRENT)}|{re.escape(ROTATIONS)}|[0-9a-f]{{16}}\.pub\.pem)"
)


@dataclass(frozen=True)
class Backup:
    """What a backup holds: when it was made, in UTC, and every file of the keyring by its name."""

    time: str
    files: dict[str, bytes]

    @property
    def models(self) -> list[str]:
        """The ids of the models that have keys in it, sorted."""
        return sorted(name.removesuffix(KEYS) for name in self.files if name.endswith(KEYS))


def back_up(ring: FileKeyring, target: Path) -> Backup:
    """Write all of a keyring, as it is encrypted or not, into a new file that only its owner may read.

    Raises as `check_target`, `UsageError` for a keyring that holds nothing, `StoreError` if it can't be written.
    """
    check_target(ring, target)
    with ExitStack() as locks:
        locks.enter_context(changing(ring.folder))
        if (ring.folder / SIGNING).is_dir():
            locks.enter_context(changing(ring.folder / SIGNING))
        backup = Backup(now(), dict(_files(ring.folder)))
    if not backup.files:
        raise UsageError(f"the keyring {ring.folder} holds nothing yet; there is nothing to back up")
    targets.write_target(target, _encode(backup), remedy="move it away")
    return backup


def check_target(ring: FileKeyring, target: Path) -> None:
    """Raise `UsageError` for a backup that exists, or lies in the keyring or in no folder; and without a keyring."""
    targets.check_target(target, remedy="move it away")
    if target.absolute().parent.resolve().is_relative_to(ring.folder.resolve()):
        raise UsageError(f"{target} lies in the keyring itself; keep its backup elsewhere")
    if not ring.folder.is_dir():
        raise UsageError(f"there is no keyring in {ring.folder}; name the right one with --keyring")


def read_backup(path: Path) -> Backup:
    """Read what `back_up` wrote; raises `IntegrityError` for anything else, `StoreError`."""
    try:
        content = read_regular(path, MOST_BYTES, follow=True)
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror or error}; name a backup") from error
    try:
        values: dict[str, Any] = read_canonical(content)
        if set(values) != {"checksum", "files", "format", "kind", "time"} or values["kind"] != KIND:
            raise ValueError("it is none")
        if values["format"] != 1:
            raise ValueError(f"it has format {values['format']!r}, this version of preforget reads 1")
        files = {name: base64.b64decode(text, validate=True) for name, text in values["files"].items()}
        odd = next((name for name in files if not _FILE.fullmatch(name)), None)
        if odd is not None:
            raise ValueError(f"a keyring has no file {odd!r}")
        backup = Backup(str(values["time"]), files)
        if _encode(backup) != content:
            raise ValueError("its checksum doesn't fit")
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        reason = "it is no JSON" if isinstance(error, json.JSONDecodeError | UnicodeError) else str(error)
        raise IntegrityError(f"{path} is no backup of a keyring as it was written: {reason}") from None
    return backup


def put_back(backup: Backup, folder: Path) -> None:
    """Make a keyring of a backup, whole or not at all, in a folder that is not there or empty.

    Raises `UsageError` for another folder, since keys that are there are never replaced; `StoreError`.
    """
    folder = folder.absolute()
    try:
        if os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(
                f"{folder} is not empty, and keys that are there are never replaced: move it away, or name a new "
                "folder with --keyring"
            )
        make_private(folder.parent)
        with exclusive(folder.parent):
            begun = f".{folder.name}.restoring-"
            for left in [path for path in folder.parent.iterdir() if path.name.startswith(begun)]:
                shutil.rmtree(left)  # a process that was killed left it, with keys in it
            temporary = folder.with_name(begun + secrets.token_hex(8))
            for name, content in backup.files.items():
                make_private((temporary / name).parent)
                write_atomic(temporary / name, content)
            if folder.is_dir():
                folder.rmdir()
            temporary.rename(folder)
            sync_folder(folder.parent)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{folder} can't be written: {error.strerror or error}") from error


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted([*folder.iterdir(), *folder.glob(f"{SIGNING}/*")]):
        name = path.relative_to(folder).as_posix()
        if _FILE.fullmatch(name):
            content = read_private(path) if not name.endswith(".pub.pem") else path.read_bytes()
            if content is not None:
                yield name, content


def _encode(backup: Backup) -> bytes:
    files = {name: base64.b64encode(content).decode() for name, content in sorted(backup.files.items())}
    values = {"files": files, "format": 1, "kind": KIND, "time": backup.time}
    checksum = f"sha256:{hashlib.sha256(canonical_json(values)).hexdigest()}"
    return canonical_json({**values, "checksum": checksum})
