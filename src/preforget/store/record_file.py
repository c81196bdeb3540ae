"""The file of one record: read with its digest, written whole, described for ledger and receipts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from preforget.core.errors import IntegrityError, StoreError
from preforget.core.files import ODD, make_private, read_regular, sync_folder, write_atomic, write_beside
from preforget.core.hashing import bytes_digest
from preforget.store.layout import FROM_BACKUP
from preforget.store.sealing import keyed_digest, name_key
from preforget.store.tensors import nonce_of, record_from_bytes

MAX_BYTES = 2**34
"""The most bytes of a record's file; a larger one isn't read."""


def described(record_id: str, location: str, content: bytes, plain: bytes) -> dict[str, Any]:
    """Return id, location, bytes and digest of a file, and the keyed digest of whom the record is about.

    `content`: the file; `plain`: its unsealed content. The key of the digest is derived from random bits in the record
    itself, so once the record is destroyed nobody can tell whose it was. Raises `IntegrityError`.
    """
    try:
        record = record_from_bytes(record_id, plain)
        key = name_key(nonce_of(plain))
    except (ValueError, StoreError) as error:
        raise IntegrityError(f"record {record_id} is damaged: {error}") from error
    return {
        "id": record_id,
        "location": location,
        "bytes": len(content),
        "digest": bytes_digest(content),
        "name": keyed_digest(key, [record.label, record.subject, record.partner]),
    }


def read_checked(path: Path, digest: str, limit: int = MAX_BYTES) -> bytes:
    """Return a file's bytes; raises `IntegrityError` if it is missing or not what was written, `StoreError`."""
    try:
        content = read_regular(path, limit)
    except FileNotFoundError:
        raise IntegrityError(f"{path} is missing; {FROM_BACKUP}") from None
    except OSError as error:
        kind = IntegrityError if error.errno in ODD else StoreError
        raise kind(f"{path} can't be read: {error.strerror or error}") from error
    if bytes_digest(content) != digest:
        raise IntegrityError(f"{path} is not the file that was written: its digest differs")
    return content


def write_file(path: Path, content: bytes) -> str:
    """Write a file whole or not at all and return its digest; raises `OSError`."""
    write_atomic(path, content)
    return bytes_digest(content)


def write_files(folder: Path, contents: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Write files below a folder, each whole or not at all, and return their digests by name; raises `OSError`.

    All are durable on return: a folder is synchronised once for all files in it, which takes half the time.
    """
    digests: dict[str, str] = {}
    for name, content in contents:
        make_private((folder / name).parent)
        temporary = write_beside(folder / name, content)
        try:
            temporary.replace(folder / name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        digests[name] = bytes_digest(content)
    for parent in sorted({(folder / name).parent for name in digests}):
        sync_folder(parent)
    return digests
