"""Make a folder from a backup usable: take over newer rows of its ledger, and erase again what they say was erased."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from preforget.core.errors import IntegrityError, StoreError
from preforget.core.files import read_regular
from preforget.erasure.intent import Intent
from preforget.erasure.kept_receipts import signed_ids
from preforget.erasure.opening import brought_back, end_announced, restoring
from preforget.erasure.plan import rewritten_in_folder
from preforget.store import ModelFolder
from preforget.store.authority import Accept, check_may_destroy_again, check_may_restore
from preforget.store.confirmation import confirmed
from preforget.store.consistency import is_ahead, undo, without
from preforget.store.key_service import NO_ERASURE
from preforget.store.ledger import Entry, erased_by, read_export, taken_out_by
from preforget.store.record_files import KeyringPlace

REPLACED = "replaced"
"""The entry of a `restore` row that lists records which were not erased, but replaced since the backup."""
MAX_EXPORT = 2**30
"""No export of a ledger is larger."""


def restore(
    path: Path, keyring: KeyringPlace = None, replay: Path | None = None, accept: Accept | None = None
) -> int:
    """Erase in a folder from a backup what was erased after the backup, in one step; return how many records.

    `replay`: a newer export of the model's ledger, whose rows are taken over. What was erased is told by the ledger,
    by `replay`, and for a sealed model by its keyring, which must confirm the others: by the rows that it has noted, or
    by receipts in the folder that it signed. Records that were replaced since by others, of which some were erased, go
    as well. `accept`: see `check_may_restore`. It can be killed and repeated at any
    point: a model that was restored by halves is refused, or restored when it is opened. Raises `IntegrityError` for a
    folder whose rows the keyring of a sealed model doesn't confirm, and for an export that doesn't go on where the
    folder's ledger ends, `StoreError`.
    """
    with ModelFolder.opening(path, keyring, old=True) as folder:
        exported = [] if replay is None else read_export(_text(replay), folder.manifest.model)
        announced = Intent.read(folder.path)
        ended_later = announced is not None and any(
            row.event == "forget" and row.data.get("erasure") == announced.erasure for row in exported
        )
        # before a row is added, since the keyring notes that one with all before it
        has_unconfirmed = check_may_restore(folder, accept, exported)
        _check_known(folder)
        if not ended_later:
            end_announced(folder, old=True)
        rows = [] if replay is None else folder.ledger.newer(exported)
        if is_ahead(folder) and not rows:
            undo(folder, old=True)
        folder.check_current()
        count = _erase_again(folder, rows, has_unconfirmed)
        if ended_later:
            Intent.remove(folder.path)
        folder.check()
    return count


def _erase_again(folder: ModelFolder, rows: Sequence[Entry], unconfirmed: bool) -> int:
    """Take over rows and erase what the whole ledger and the keyring call erased; return how many records that were.

    `unconfirmed`: the keyring is to note rows of the folder that it doesn't know.
    """
    ledger = [*folder.ledger.entries(), *rows]
    erased = set(erased_by(ledger))
    gone, keys, destroyed, known = erased | _replaced(folder, ledger, rows), set[str](), set[str](), None
    if folder.keys is not None:
        tombstones, head = folder.keys.destroyed(), folder.keys.head()
        destroyed = set(tombstones)
        keys = erased - destroyed
        check_may_destroy_again(folder, keys, partial(signed_ids, folder), rows)
        gone |= destroyed
        erased |= {i for i, erasure in tombstones.items() if erasure != NO_ERASURE}
        known = None if head is None or any(row.head == head for row in ledger) else head.as_dict()
    live, files = brought_back(folder, gone)
    if not (rows or files or keys or known or unconfirmed):
        return 0
    erasure = secrets.token_hex(16)
    facts = {**restoring(erasure, files), "known": known}  # so the gap stays visible
    replaced = (gone & set(folder.live)) - erased
    facts |= {REPLACED: sorted(replaced)} if replaced else {}
    rewritten = rewritten_in_folder(folder, folder.records(live - destroyed))
    changes = {**without(folder.manifest, live), "erasing": files}
    folder.commit_restored(rows, facts, sorted(keys), rewritten, live, **changes)
    folder.finish_erasing(erasure)
    return len(live)


def _replaced(folder: ModelFolder, ledger: Sequence[Entry], rows: Sequence[Entry]) -> set[str]:
    """Return the ids of records that `rows` took out for others, if what was made since the backup was erased, too.

    It may have been of the same classes: a class that was learned anew, or renamed, and then forgotten would come back.
    """
    live_ids = set(folder.live)
    if set(erased_by(rows)) <= live_ids:
        return set()
    followed = ledger if folder.keys is None else ledger[: confirmed(folder, ledger)]
    return taken_out_by(followed) & live_ids


def _check_known(folder: ModelFolder) -> None:
    """May be destroyed what rows call erased that the manifest knows? Raises `IntegrityError`."""
    if folder.keys is not None and folder.keys.writable:
        last = int(folder.manifest.ledger["seq"])
        erased = erased_by(row for row in folder.ledger.entries() if row.seq <= last)
        check_may_destroy_again(
            folder, set(erased) - set(folder.keys.destroyed()), partial(signed_ids, folder)
        )


def _text(path: Path) -> str:
    try:
        return read_regular(path, MAX_EXPORT, follow=True).decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise IntegrityError(f"{path} can't be read: it is no UTF-8, so no export of a ledger") from None
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror or error}") from error
