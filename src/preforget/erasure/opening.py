"""Open a model folder: end erasures that were cut off, and erase again what came back."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

from preforget.core.errors import ChangedError, IntegrityError, StoreError, UsageError
from preforget.erasure.intent import announced
from preforget.erasure.kept_receipts import check_kept_receipts, signed_ids
from preforget.erasure.plan import bank_of, derive_in_folder, engine_of
from preforget.erasure.transaction import finish
from preforget.records import ClassRecord
from preforget.store import Manifest, ModelFolder
from preforget.store.authority import check_may_destroy_again
from preforget.store.consistency import is_ahead, undo
from preforget.store.key_service import NO_ERASURE
from preforget.store.layout import PLAIN, RECEIPTS, RECORDS, SEALED
from preforget.store.record_files import KeyringPlace


def open_folder(path: Path, keyring: KeyringPlace = None, *, to_forget: bool = False) -> ModelFolder:
    """Open a model folder, strictly, after ending what had begun; raises `IntegrityError`, `StoreError`.

    `to_forget`: also one with an announcement that this keyring didn't make; it is left, and the next one replaces it.
    One of this keyring that is dated in the future is ended then, and refused otherwise.
    """
    with ModelFolder.opening(path, keyring) as folder:
        end_announced(folder, to_forget=to_forget)
        erase_again(folder)
        folder.check()
        check_receipts(folder)
    return folder


def read_folder(
    path: Path, keyring: KeyringPlace = None, *, to_forget: bool = False
) -> tuple[ModelFolder, list[ClassRecord]]:
    """Open a model folder as `open_folder`, and read its records before another process can change it."""
    while True:
        folder = open_folder(path, keyring, to_forget=to_forget)
        try:
            return folder, folder.records()
        except ChangedError:
            continue


def unfinished_erasure(path: Path, keyring: KeyringPlace = None) -> str | None:
    """Return the id of an erasure that the next opening of a folder ends, and change nothing.

    None if there is none, or if opening refuses it. Raises `IntegrityError`, `StoreError`.
    """
    folder = ModelFolder(path, Manifest.read(path), keyring)
    if not folder.has_intent():
        return None
    with folder.changing():  # else a process is about to end it
        folder.manifest = Manifest.read(path)
        try:
            intent = announced(folder)
        except IntegrityError:
            return None
    return None if intent is None else intent.erasure


def check_receipts(folder: ModelFolder) -> None:
    """Check the receipts in a folder, and their signatures where the keyring has the keys; raises `IntegrityError`."""
    if (folder.path / RECEIPTS).exists():
        try:
            keys = folder.keyring.signing.known()
        except (StoreError, UsageError):
            keys = {}  # there are no keys that sign, or they are damaged; the model can be read nevertheless
        check_kept_receipts(folder.path, folder.ledger.entries(), keys)


def erase_again(folder: ModelFolder) -> None:
    """Erase records that ledger or keyring say were erased before: a backup brought them back."""
    gone = set(folder.ledger.erased())
    if folder.keys is not None:
        destroyed = folder.keys.destroyed()
        if folder.keys.writable and not gone <= set(destroyed):  # an older keyring came back
            check_may_destroy_again(folder, gone - set(destroyed), partial(signed_ids, folder))
            folder.keys.destroy(sorted(gone - set(destroyed)), NO_ERASURE)
        gone |= set(destroyed)
    live, files = brought_back(folder, gone)
    if files:
        erasure = secrets.token_hex(16)
        folder.commit_without(live, files, "restore", restoring(erasure, files))
        folder.finish_erasing(erasure)


def brought_back(folder: ModelFolder, gone: set[str]) -> tuple[set[str], list[str]]:
    """Return the ids of live records that were erased, or that need one that was, and the names of all such files."""
    live = gone & set(folder.live)
    live |= _orphans(folder, live)
    paths = (folder.path / RECORDS).iterdir()
    # what has another ending is no record, and `check` refuses it
    there = [path for path in paths if path.stem in gone and path.suffix in (PLAIN, SEALED)]
    files = {path.relative_to(folder.path).as_posix() for path in there}
    return live, sorted(files | {folder.name_of(i) for i in live})


def restoring(erasure: str, files: Collection[str]) -> dict[str, Any]:
    """Return what a `restore` row says; `known`: the end of a ledger that was lost, which the keyring knew."""
    ids = sorted({Path(name).stem for name in files})
    return {"erasure": erasure, "records": [{"id": i} for i in ids], "known": None}


def end_announced(folder: ModelFolder, *, to_forget: bool = False, old: bool = False) -> None:
    """End an erasure that was announced and cut off."""
    try:
        intent = announced(folder, to_forget=to_forget)
    except IntegrityError:
        if not to_forget:
            raise
        folder.refused_intent, intent = True, None
        if is_ahead(folder):
            undo(folder)
    if intent is None:
        return
    ours = {"forget", "erased"}
    last = list(folder.ledger.entries(int(folder.manifest.ledger["seq"])))
    # a crash leaves one row ahead of the manifest; among more of them are those of somebody else
    if last and not (
        len(last) == 1 and last[-1].event in ours and last[-1].data.get("erasure") == intent.erasure
    ):
        undo(folder, old=old)
    folder.note_audits(folder.ledger.entries())
    engine = engine_of(folder)

    def derive() -> list[ClassRecord]:
        if engine.one_record_per_class:
            return []
        return derive_in_folder(folder, bank_of(folder, folder.records()))

    finish(folder, intent, engine, derive, recovered=True)


def _orphans(folder: ModelFolder, gone: set[str]) -> set[str]:
    """Return records of pairs that lose a class when `gone` goes."""
    if not gone or engine_of(folder).one_record_per_class:
        return set()
    lost = {} if folder.keys is None else folder.keys.destroyed()
    readable = [i for i in folder.live if i not in lost]
    records = [record for record in folder.records(readable) if record.id not in gone]
    units = {record.label for record in records if record.partner is None}
    return {r.id for r in records if r.partner is not None and not {r.label, r.partner} <= units}
