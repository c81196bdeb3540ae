"""Does a receipt hold for a model folder? Signature, schema, ledger, and that the bytes are gone."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.core.files import exclusive
from preforget.core.hashing import file_digest
from preforget.erasure.kept_receipts import check_kept_receipts
from preforget.erasure.pieces import LENGTH, Finder
from preforget.erasure.receipt import Receipt, read_given, read_receipt, receipt_digest
from preforget.erasure.scan import search
from preforget.store import Manifest, ModelFolder
from preforget.store.confirmation import (
    check_age,
    check_confirmed,
    check_not_put_back,
    check_not_unsealed,
)
from preforget.store.head import Head
from preforget.store.key_service import Keyring
from preforget.store.keyring import open_keyring
from preforget.store.layout import (
    INTENT,
    LEDGER,
    RECORDS,
    SHARED,
    check_kinds,
    check_names,
    pack_name,
    receipt_name,
    record_name,
)
from preforget.store.ledger import Entry, Ledger, in_force
from preforget.store.ledger_sqlite import SqliteLedger
from preforget.store.manifest import NAME
from preforget.store.record_files import RecordFiles
from preforget.store.signing import read_public_key


@dataclass(frozen=True)
class Verification:
    """What was checked of a receipt; `key_id`: whose signature it was; `skipped`: what couldn't be checked, and why."""

    receipt: Receipt
    key_id: str
    checks: list[dict[str, Any]]
    skipped: list[str] = field(default_factory=list)

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
            "skipped": self.skipped,
            "not_claimed": self.receipt.not_claimed,
        }


def verify_receipt(
    receipt: str | Path,
    model: str | Path | None = None,
    public_keys: Sequence[str | Path] | None = None,
    *,
    keyring: str | Path | None = None,
    deep: bool = False,
) -> Verification:
    """Check a receipt of an erasure, and that what it lists as erased is gone from a model folder.

    Args:
        receipt: The file `receipts/….json` of a model folder, or a copy of it.
        model: The model folder, which is only read. Without it only signature and schema are checked.
        public_keys: PEM files of those whose signatures to trust; by default the keys of the keyring.
        keyring: Where that keyring lies, by default where `preforget` keeps it. If it is that of the model, the keys of
            a sealed model that were destroyed are looked for in it.
        deep: Look for pieces in every byte, also in packs whose digests show that they are as they were written.

    Returns:
        What was checked; `passed` tells whether all of it holds.

    Raises:
        IntegrityError: The receipt can't be trusted at all, or the folder is damaged.
        StoreError: There is no such receipt, or a file can't be read.
        UsageError: There is no key to check the signature with.

    Example:
        >>> import numpy as np
        >>> import preforget as pf
        >>> X = np.random.default_rng(0).normal(size=(60, 4)) + np.repeat([[0.0], [4.0], [8.0]], 20, axis=0)
        >>> y = np.repeat(["Ada", "Grace", "Mary"], 20)
        >>> model = pf.PreForgettableClassifier("features", "exact").fit(X, y)
        >>> model.save_pretrained("model")
        >>> receipt = model.forget("Grace").receipt
        >>> pf.verify_receipt(receipt, "model").passed
        True
    """
    file = Path(receipt).expanduser()
    read_given(file)  # a missing receipt is reported before a missing key
    paths = [Path(path).expanduser() for path in public_keys or ()]
    ring = open_keyring(keyring)
    keys = trusted_keys(paths, ring)
    folder = None if model is None else Path(model).expanduser()
    return verify(file, folder, keys, ring, deep=deep)


def verify(
    receipt: Path,
    model: Path | None,
    keys: Mapping[str, Ed25519PublicKey],
    keyring: Keyring | None = None,
    *,
    deep: bool = False,
) -> Verification:
    """Check a receipt, against a model folder if one is given, which is only read; no private key is needed.

    Waits until no other process changes the folder. `keyring`: to look for keys that must be destroyed. Raises
    `IntegrityError` for a receipt that can't be trusted at all and for a damaged folder, `StoreError` for files that
    can't be read. The checks say where the two disagree.
    """
    content = read_given(receipt)
    parsed, key_id = read_receipt(content, keys)
    checks, skipped = (
        [
            _check("signature", True, f"Ed25519, by key {key_id}"),
            _check("schema", True, "class-erasure v0.1"),
        ],
        list[str](),
    )
    if model is not None:
        Manifest.read(model)  # says what is wrong if there is no folder to lock
        with _unchanging(model):
            checks += _against(model, parsed, content, keys, keyring, skipped, deep)
    return Verification(parsed, key_id, checks, skipped)


def _against(
    model: Path,
    receipt: Receipt,
    content: bytes,
    keys: Mapping[str, Ed25519PublicKey],
    keyring: Keyring | None,
    skipped: list[str],
    deep: bool,
) -> Iterator[dict[str, Any]]:
    """Yield the checks of a receipt against a model folder, and say in `skipped` what can't be checked."""
    manifest = Manifest.read(model)
    if manifest.model != receipt.model["id"]:
        yield _check("model", False, "the receipt is of another model")
        return
    yield _check("model", True, f"model {manifest.model}")
    store = SqliteLedger(model / LEDGER)
    entries = list(Ledger(store, manifest.model).entries())
    row = _row(in_force(entries), receipt)
    yield _ledger(store.digest(), entries, manifest)
    yield _inclusion(entries, row, receipt, content)
    failed = [check["name"] for check in receipt.checks if not check["passed"]]
    detail = f"a check failed: {failed[0]}" if failed else "all checks passed"
    yield _check("receipt", not failed, f"the receipt itself says that {detail}")
    yield _bytes(model, manifest, receipt)
    yield (files := _files(model, manifest, entries))
    as_written = {} if deep or not files["passed"] else manifest.packs
    yield from _pieces(model, row, skipped, [*map(pack_name, as_written)])
    yield _receipts(model, entries, keys)
    yield from _with_keyring(model, manifest, receipt, keyring, skipped)


@contextlib.contextmanager
def _unchanging(model: Path) -> Iterator[None]:
    """Keep other processes from changing a model folder; raises `StoreError`."""
    try:
        with exclusive(model):
            yield
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"{model} can't be read: {error.strerror or error}") from error


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


def _row(entries: Sequence[Entry], receipt: Receipt) -> Entry | None:
    """Return the row of the ledger that announces the erasure of a receipt."""
    stated = (int(receipt.ledger["seq"]), receipt.ledger["hash"], "forget", receipt.erasure)
    rows = ((entry.seq, entry.hash, entry.event, entry.data.get("erasure")) for entry in entries)
    return next((entry for entry, row in zip(entries, rows, strict=True) if row == stated), None)


def _ledger(digest: str, entries: Sequence[Entry], manifest: Manifest) -> dict[str, Any]:
    known = Head(manifest.ledger["seq"], manifest.ledger["hash"])
    last = entries[-1] if entries else None
    whole = last is not None and (last.head, digest) == (known, manifest.ledger["digest"])
    stated = last is not None and last.data.get("state") == manifest.state()
    detail = "whole" if whole and stated else "not the ones the model ended with, or a change was cut off"
    return _check("ledger", whole and stated, f"{len(entries)} rows, {detail}")


def _inclusion(
    entries: Sequence[Entry], row: Entry | None, receipt: Receipt, content: bytes
) -> dict[str, Any]:
    digest = receipt_digest(content)
    ended = [entry.data for entry in in_force(entries) if entry.event == "erased"]
    known = any((data.get("erasure"), data.get("receipt")) == (receipt.erasure, digest) for data in ended)
    return _check(
        "inclusion",
        row is not None and known,
        "the ledger announces this erasure and holds the digest of this receipt"
        if row is not None and known
        else "the ledger doesn't hold this receipt: it was rolled back, or the receipt was not made here",
    )


def _files(model: Path, manifest: Manifest, entries: Sequence[Entry]) -> dict[str, Any]:
    """Check that every file is one of the model's, to the byte, so that nothing can hide among them."""
    live = {record_name(i, manifest.sealed): digest for i, digest in manifest.records.items()}
    live |= {pack_name(i): digest for i, digest in manifest.packs.items()}
    live |= {} if manifest.shared is None else {SHARED: manifest.shared}
    receipts = [receipt_name(str(e.data.get("erasure"))) for e in entries if e.event == "erased"]
    try:
        check_names(model, [NAME, LEDGER, *live], [*receipts, INTENT])
        other = [name for name, digest in live.items() if file_digest(model / name) != digest]
    except IntegrityError as error:
        return _check("files", False, str(error))
    except OSError as error:
        raise StoreError(f"{model} can't be read: {error.strerror or error}") from error
    if other:
        return _check("files", False, f"{other[0]} is not the file that was written")
    return _check("files", True, f"{len(live) + 2} files are those of the model, and there is no other")


def _pieces(
    model: Path, row: Entry | None, skipped: list[str], as_written: Collection[str]
) -> Iterator[dict[str, Any]]:
    """Look in the bytes of the folder for pieces of what was erased, by the fingerprints in the ledger.

    `as_written`: names of packs that are byte for byte what was written and searched then.
    """
    known = None if row is None else row.data.get("pieces")
    if not isinstance(known, list) or not known:
        skipped.append(
            "pieces: the ledger has no fingerprints of what was erased; earlier versions kept none"
        )
        return
    total, names = search(model, Finder([str(text) for text in known]).holds, LENGTH, as_written)
    where = f"; found in {names[0]!a}" if names else "; none found"
    packs = f", {len(as_written)} packs are as they were written (--deep searches them)" if as_written else ""
    detail = f"{total:,} bytes of the folder searched for {len(known)} pieces{packs}{where}"
    yield _check("pieces", not names, detail)


def _receipts(model: Path, entries: Sequence[Entry], keys: Mapping[str, Ed25519PublicKey]) -> dict[str, Any]:
    """Check the receipts that lie in the folder."""
    try:
        count = check_kept_receipts(model, entries, keys)
    except IntegrityError as error:
        return _check("receipts", False, str(error))
    return _check("receipts", True, f"{count} in the folder, all known to the ledger")


def _with_keyring(
    model: Path, manifest: Manifest, receipt: Receipt, keyring: Keyring | None, skipped: list[str]
) -> Iterator[dict[str, Any]]:
    """Check that the keyring confirms the ledger's rows, and that keys which were destroyed are not in it."""
    if not manifest.sealed:
        if keyring is not None:
            yield from _not_unsealed(ModelFolder(model, manifest, keyring))
        return
    ids = [str(record["id"]) for record in receipt.records]
    try:
        if keyring is None or manifest.model not in keyring.models():
            skipped.append("keys: the keyring of the model is not here; name it with --keyring")
            return
        held = keyring.model(manifest.model).holding(ids)
        yield _rows(ModelFolder(model, manifest, keyring))
    except UsageError as error:
        skipped.append(f"keys: {error}")
        return
    detail = f"the key of record {min(held)} is there" if held else f"none of {len(ids)} keys is there"
    yield _check("keys", not held, f"{detail}, in the keyring {keyring.place}")


def _not_unsealed(folder: ModelFolder) -> Iterator[dict[str, Any]]:
    """Yield a check that failed for a plain copy in the place of a model that the keyring knows as a sealed one."""
    try:
        check_not_unsealed(folder)
    except IntegrityError as error:
        yield _check("sealed", False, str(error))


def _rows(folder: ModelFolder) -> dict[str, Any]:
    """Check that no row of a sealed model was added, and no earlier manifest put back, by who has the folder alone."""
    try:
        check_age(folder)
        check_confirmed(folder)
        check_not_put_back(folder)
    except IntegrityError as error:
        return _check("rows", False, str(error))
    return _check(
        "rows", True, f"those after the last that the keyring {folder.keyring.place} noted are signed"
    )


def _bytes(model: Path, manifest: Manifest, receipt: Receipt) -> dict[str, Any]:
    """Look for the erased files, under any name, and for their ids."""
    check_kinds(model)
    digests = {str(record["digest"]) for record in receipt.records}
    sizes = {int(record["bytes"]) for record in receipt.records}
    ids = {str(record["id"]) for record in receipt.records}
    try:
        back = sorted(ids & set(RecordFiles(model, manifest).live))
    except IntegrityError as error:
        return _check("bytes", False, str(error))
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
