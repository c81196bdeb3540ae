"""Open a model folder: end erasures that were cut off, and erase again what a restored backup brought back."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from preforget.core.errors import IntegrityError, StoreError
from preforget.core.files import read_regular
from preforget.erasure.authority import announced, check_may_destroy_again
from preforget.erasure.plan import bank_of, derive_in_folder, engine_of
from preforget.erasure.transaction import finish
from preforget.records import ClassRecord
from preforget.store import ModelFolder
from preforget.store.consistency import is_ahead, undo
from preforget.store.layout import RECORDS
from preforget.store.ledger import read_export
from preforget.store.record_files import KeyringPlace

MAX_EXPORT = 2**30
"""No export of a ledger is larger."""


def open_folder(path: Path, keyring: KeyringPlace = None, *, to_forget: bool = False) -> ModelFolder:
    """Open a model folder, strictly, after ending what had begun; raises `IntegrityError`, `StoreError`.

    `to_forget`: also one with an announcement that this keyring didn't make; it is left, and the next one replaces it.
    """
    with ModelFolder.opening(path, keyring) as folder:
        _end(folder, to_forget=to_forget)
        erase_again(folder)
        folder.check()
    return folder


def restore(path: Path, keyring: KeyringPlace = None, replay: Path | None = None) -> int:
    """Make a folder from a backup usable: erase again what was erased after the backup; return how many records.

    `replay`: a newer export of the model's ledger, whose rows are taken over. What was erased is told by the ledger,
    by `replay`, and for a sealed model by its keyring. Raises `IntegrityError` for an export that doesn't go on where
    the folder's ledger ends, `StoreError`.
    """
    with ModelFolder.opening(path, keyring, old=True) as folder:
        _end(folder, old=True)
        folder.check_current()
        adopted = 0
        if replay is not None:
            adopted = folder.ledger.adopt(read_export(_text(replay), folder.manifest.model))
        count = erase_again(folder, restored=folder.manifest.sealed or adopted > 0)
        folder.check()
    return count


def erase_again(folder: ModelFolder, *, restored: bool = False) -> int:
    """Erase records that ledger or keyring say were erased before; return how many those were.

    `restored`: write a row even if there is nothing to erase, and let the keyring follow this ledger from there.
    """
    gone = set(folder.ledger.erased())
    if folder.keys is not None:
        destroyed = folder.keys.destroyed()
        if folder.keys.writable and not gone <= set(destroyed):  # an older keyring came back
            if not restored:
                check_may_destroy_again(folder, gone - set(destroyed))
            folder.keys.destroy(sorted(gone - set(destroyed)), "0" * 32)
        gone |= set(destroyed)
    live = gone & set(folder.manifest.records)
    live |= _orphans(folder, live)
    files = {
        p.relative_to(folder.path).as_posix() for p in (folder.path / RECORDS).iterdir() if p.stem in gone
    }
    files |= {folder.name_of(i) for i in live}
    if not files and not restored:
        return 0
    erasure = secrets.token_hex(16)
    facts: dict[str, Any] = {
        "erasure": erasure,
        "records": [{"id": i} for i in sorted({Path(name).stem for name in files})],
        "known": None,
    }
    if restored and folder.keys is not None:
        head = folder.keys.head()
        if head is not None and not folder.ledger.holds(head):
            facts["known"] = head.as_dict()  # the gap stays visible
            folder.keys.forget_head()
    folder.commit(
        "restore",
        facts,
        records={i: digest for i, digest in folder.manifest.records.items() if i not in live},
        detached=[i for i in folder.manifest.detached if i not in live],
        erasing=sorted(files),
    )
    folder.finish_erasing(erasure)
    return len(live)


def _text(path: Path) -> str:
    try:
        return read_regular(path, MAX_EXPORT, follow=True).decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise IntegrityError(f"{path} can't be read: it is no UTF-8, so no export of a ledger") from None
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror or error}") from error


def _end(folder: ModelFolder, *, to_forget: bool = False, old: bool = False) -> None:
    """End an erasure that was announced and cut off."""
    try:
        intent = announced(folder)
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
    if last and not (last[-1].event in ours and last[-1].data.get("erasure") == intent.erasure):
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
    readable = [i for i in folder.manifest.records if i not in lost]
    records = [record for record in folder.records(readable) if record.id not in gone]
    units = {record.label for record in records if record.partner is None}
    return {r.id for r in records if r.partner is not None and not {r.label, r.partner} <= units}
