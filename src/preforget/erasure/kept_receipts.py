"""The receipts that lie in a model folder: each must be one that the ledger knows, to the byte."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from preforget.core.errors import IntegrityError
from preforget.core.hashing import bytes_digest
from preforget.erasure.dsse import open_envelope, parse_envelope
from preforget.erasure.receipt import Receipt, read_bounded, read_receipt, receipt_digest
from preforget.store import ModelFolder
from preforget.store.layout import RECEIPTS, receipt_name
from preforget.store.ledger import Entry


def check_kept_receipts(folder: Path, entries: Iterable[Entry], keys: Mapping[str, Ed25519PublicKey]) -> int:
    """Check all receipts in a folder against the rows of its ledger, and return how many there are.

    `keys`: public keys by id, for rows of earlier versions, which don't hold the digest of the whole file: a signature
    by another key isn't checked then. A receipt that is missing was moved elsewhere. Raises `IntegrityError`,
    `StoreError`.
    """
    known: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        if entry.event == "erased":
            known.setdefault(str(entry.data.get("erasure")), []).append(entry.data)
    there = [(path, rows) for i, rows in sorted(known.items()) if (path := folder / receipt_name(i)).exists()]
    for path, rows in there:
        _check(path, rows, keys)
    return len(there)


def signed_ids(folder: ModelFolder) -> set[str]:
    """Return the ids of records that receipts in a folder by its own keyring call erased."""
    keys, ids = folder.keyring.signing.known(), set[str]()
    for path in sorted((folder.path / RECEIPTS).glob("*.json")):
        receipt = _receipt(path, keys)
        if receipt is not None and receipt.model["id"] == folder.manifest.model:
            ids |= {str(record["id"]) for record in receipt.records}
    return ids


def _receipt(path: Path, keys: dict[str, Ed25519PublicKey]) -> Receipt | None:
    try:
        return read_receipt(read_bounded(path), keys)[0]
    except IntegrityError:
        return None  # nobody's, so it allows nothing


def _check(path: Path, rows: list[dict[str, Any]], keys: Mapping[str, Ed25519PublicKey]) -> None:
    content, what = read_bounded(path), "it is another one"
    try:
        if any(_is_of(row, content, keys) for row in rows):
            return
    except IntegrityError as error:
        what = str(error)
    raise IntegrityError(
        f"{path} is not the receipt that the ledger knows: {what}. Put a copy of it there, or move it away"
    ) from None


def _is_of(row: dict[str, Any], content: bytes, keys: Mapping[str, Ed25519PublicKey]) -> bool:
    """Tell whether a file is the receipt that a row notes; raises `IntegrityError` for one that can't be trusted."""
    if "file" in row:
        return bool(bytes_digest(content) == row["file"])
    if all(key_id in keys for key_id, _ in parse_envelope(content).signatures):
        open_envelope(content, keys)
    return bool(receipt_digest(content) == row.get("receipt"))
