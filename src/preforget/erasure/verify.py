"""Does a receipt hold for a model folder? Signature, schema, ledger, and that the bytes are gone."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.core.files import read_regular
from preforget.core.hashing import file_digest
from preforget.erasure.dsse import MAX_BYTES
from preforget.erasure.receipt import Receipt, read_receipt, receipt_digest
from preforget.store import Manifest
from preforget.store.head import Head
from preforget.store.key_service import Keyring
from preforget.store.keyring import open_keyring
from preforget.store.layout import INTENT, LEDGER, RECORDS, check_kinds
from preforget.store.ledger import Ledger
from preforget.store.ledger_sqlite import SqliteLedger
from preforget.store.signing import read_public_key


@dataclass(frozen=True)
class Verification:
    """What was checked of a receipt; `key_id`: whose signature it was."""

    receipt: Receipt
    key_id: str
    checks: list[dict[str, Any]]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check["passed"] for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "erasure": self.receipt.erasure,
            "key": self.key_id,
            "passed": self.passed,
            "checks": self.checks,
            "not_claimed": self.receipt.not_claimed,
        }


def verify_receipt(
    receipt: str | Path,
    model: str | Path | None = None,
    public_keys: Sequence[str | Path] | None = None,
    *,
    keyring: str | Path | None = None,
) -> Verification:
    """Check a receipt of an erasure, and that what it lists as erased is gone from a model folder.

    Args:
        receipt: The file `receipts/….json` of a model folder, or a copy of it.
        model: The model folder, which is only read. Without it only signature and schema are checked.
        public_keys: PEM files of those whose signatures to trust; by default the keys of the keyring.
        keyring: Where that keyring lies, by default where `preforget` keeps it.

    Returns:
        What was checked; `passed` tells whether all of it holds.

    Raises:
        IntegrityError: The receipt can't be trusted at all, or the folder is damaged.
        StoreError: A file can't be read.
        UsageError: There is no key to check the signature with.
    """
    paths = [Path(path).expanduser() for path in public_keys or ()]
    keys = trusted_keys(paths, open_keyring(keyring))
    folder = None if model is None else Path(model).expanduser()
    return verify(Path(receipt).expanduser(), folder, keys)


def verify(receipt: Path, model: Path | None, keys: Mapping[str, Ed25519PublicKey]) -> Verification:
    """Check a receipt, against a model folder if one is given, which is only read; no private key is needed.

    Raises `IntegrityError` for a receipt that can't be trusted at all and for a damaged folder, `StoreError` for files
    that can't be read. The checks say where the two disagree.
    """
    content = read_bounded(receipt)
    parsed, key_id = read_receipt(content, keys)
    checks = [
        _check("signature", True, f"Ed25519, by key {key_id}"),
        _check("schema", True, "class-erasure v0.1"),
    ]
    if model is None:
        return Verification(parsed, key_id, checks)
    manifest = Manifest.read(model)
    same = manifest.model == parsed.model["id"]
    if not same:
        checks.append(_check("model", False, "the receipt is of another model"))
        return Verification(parsed, key_id, checks)
    checks.append(_check("model", True, f"model {manifest.model}"))
    checks += _ledger(SqliteLedger(model / LEDGER), manifest, parsed, content)
    failed = [check["name"] for check in parsed.checks if not check["passed"]]
    said = (
        f"the receipt itself says that a check failed: {failed[0]}"
        if failed
        else "all checks of the receipt passed"
    )
    checks.append(_check("receipt", not failed, said))
    checks.append(_bytes(model, manifest, parsed))
    return Verification(parsed, key_id, checks)


def trusted_keys(files: Sequence[Path], keyring: Keyring) -> dict[str, Ed25519PublicKey]:
    """Return public keys by id, from files or, if none are given, the keyring's own; raises `UsageError`."""
    if files:
        return dict(read_public_key(path) for path in files)
    known = keyring.signing.known()
    if not known:
        raise UsageError(
            f"there is no key to check the signature with in {keyring.place}; give one with --public-key"
        )
    return known


def read_bounded(path: Path) -> bytes:
    """Return the bytes of a receipt's file; raises `StoreError`, and `IntegrityError` for one that is too large."""
    try:
        return read_regular(path, MAX_BYTES, follow=True)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise IntegrityError(f"{path} is no receipt: larger than {MAX_BYTES >> 20} MiB") from error
        raise StoreError(f"{path} can't be read: {error.strerror or error}") from error


def _ledger(
    store: SqliteLedger, manifest: Manifest, receipt: Receipt, content: bytes
) -> list[dict[str, Any]]:
    entries = {entry.seq: entry for entry in Ledger(store, manifest.model).entries()}
    end = entries[max(entries)].head if entries else None
    known = Head(manifest.ledger["seq"], manifest.ledger["hash"])
    whole = end == known and store.digest() == manifest.ledger["digest"]
    row = entries.get(int(receipt.ledger["seq"]))
    announced = row is not None and (row.hash, row.event, row.data.get("erasure")) == (
        receipt.ledger["hash"],
        "forget",
        receipt.erasure,
    )
    ended = any(
        entry.event == "erased"
        and entry.data.get("erasure") == receipt.erasure
        and entry.data.get("receipt") == receipt_digest(content)
        for entry in entries.values()
    )
    return [
        _check(
            "ledger",
            whole,
            f"{len(entries)} rows, " + ("whole" if whole else "not the ones the model ended with"),
        ),
        _check(
            "inclusion",
            announced and ended,
            "the ledger announces this erasure and holds the digest of this receipt"
            if announced and ended
            else "the ledger doesn't hold this receipt: it was rolled back, or the receipt was not made here",
        ),
    ]


def _bytes(model: Path, manifest: Manifest, receipt: Receipt) -> dict[str, Any]:
    """Look for the erased files, under any name, and for their ids."""
    check_kinds(model)
    digests = {str(record["digest"]) for record in receipt.records}
    sizes = {int(record["bytes"]) for record in receipt.records}
    ids = {str(record["id"]) for record in receipt.records}
    back = sorted(ids & set(manifest.records))
    if back:
        return _check("bytes", False, f"record {back[0]} is live again")
    if (model / INTENT).exists():
        return _check("bytes", False, "an erasure in the model has begun and not ended")
    count = 0
    for path in sorted(model.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        count += 1
        name = path.relative_to(model).as_posix()
        if path.stem in ids and path.parent.name == RECORDS:
            return _check("bytes", False, f"{name} is there")
        try:
            if path.stat().st_size in sizes and file_digest(path) in digests:
                return _check("bytes", False, f"{name} is a file that was erased")
        except OSError as error:
            raise StoreError(f"{path} can't be read: {error.strerror or error}") from error
    return _check("bytes", True, f"none of {count} files is one of the {len(ids)} that were erased")


def _check(name: str, passed: bool, detail: str) -> dict[str, Any]:
    return {"name": name, "passed": passed, "detail": detail}
