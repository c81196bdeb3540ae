"""Who may destroy, and who may sign: one function per question, which every command asks before it does either.

What lies in a model folder, anybody may have written. So an order to destroy needs something that only the keyring can
have given: an announcement under its secret, a row of the ledger that it has noted or signed, or a receipt that it
signed. Authority has two parts, on two floors. Evidence, which every opening of a folder asks for before it follows a
row, is in `preforget.store.confirmation`, and knows rows and the keyring alone. Orders, which weigh evidence together
with announcements and receipts, are here, because these are what an erasure writes, and the store stands below it. The
store destroys by itself only what no erasure orders:

- which rows does the keyring confirm, which keys may a manifest's `erasing` take along? `confirmation`
- may an announced erasure be ended, begun, signed, or done again on what came back? here
- may files of a change that was cut off go? `preforget.store.consistency.check_erasing`
- may keys go that an attempt at making or sealing a model left? `preforget.store.key_service.check_is_attempt`
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from preforget.core.clock import now
from preforget.core.errors import IntegrityError, StoreError
from preforget.erasure.intent import Intent
from preforget.erasure.receipt import Receipt, read_bounded, read_receipt
from preforget.store import ModelFolder
from preforget.store.confirmation import is_signed, known_to_keyring
from preforget.store.head import Head
from preforget.store.layout import INTENT, RECEIPTS
from preforget.store.ledger import Entry, erased_by, in_force

MOST_AHEAD = timedelta(days=1)
"""An announcement may be so much later than the clock, which may have been set back."""


def announced(folder: ModelFolder, *, to_forget: bool = False) -> Intent | None:
    """May the announced erasure be ended? Return it if this keyring announced it, None if there is none.

    Raises `IntegrityError` for one that it didn't announce, or not for this model and this ledger, and for one that
    began in the future. `to_forget`: the latter is returned as if it began now, since its owner is at work.
    """
    intent = Intent.read(folder.path)
    if intent is None:
        return None
    if not folder.keyring.signing.authenticates(intent.covered(folder.manifest.model), intent.mac):
        raise IntegrityError(
            f"{folder.path / INTENT} announces an erasure that the keyring {folder.keyring.place} didn't begin; "
            "nothing was destroyed or signed. If another keyring began it, give that one with --keyring; if an older "
            "version did, forget again with: preforget forget MODEL LABEL, which replaces it; if nobody did, move the "
            "file away"
        )
    row = next(folder.ledger.entries(intent.seq - 1), None) if intent.seq > 0 else None
    stated = None if row is None else (row.head, row.data.get("state"))
    if stated != (Head(intent.seq, intent.hash), intent.before["manifest"]):
        raise _contradicts(folder, f"row {intent.seq} of the ledger is another one")
    if not _is_last(folder, intent):
        raise _contradicts(folder, "the model has changed since, without ending it")
    if intent.begun > now(MOST_AHEAD):
        if not to_forget:
            raise IntegrityError(
                f"{folder.path / INTENT} announces an erasure for {intent.begun}, which is in the future: by this "
                f"machine's clock it is {now()}. Nothing was destroyed or signed. Set the clock, or, if it was wrong "
                "before, run: preforget forget MODEL LABEL, which ends what was announced"
            )
        return replace(intent, begun=now())
    return intent


def check_may_begin(folder: ModelFolder) -> None:
    """May an erasure be announced? Raises `StoreError` if one is that this keyring has begun and that isn't ended."""
    try:
        pending = announced(folder, to_forget=True)
    except IntegrityError:
        return  # it is worth nothing, and the new one replaces it
    if pending is not None:
        raise StoreError(
            f"an erasure in {folder.path} has begun and not ended; load the model again, which ends it"
        )


def check_may_sign(folder: ModelFolder, intent: Intent, row: Entry | None) -> Intent:
    """May an erasure that was cut off be signed? Return it with its records as the files or the ledger have them.

    `row`: that announces it in the ledger, if it was written. Records that are live are read and described anew; of
    others the row speaks, and of a sealed model the keyring must know it. Raises `IntegrityError` if what was
    announced is not the same.
    """
    live = [i for i in sorted(intent.ids) if folder.is_live(i)]
    facts = {r["id"]: r for r in folder.describe({i: folder.read_file(i) for i in live})}
    listed = {} if row is None else {str(r["id"]): r for r in row.data["records"]}
    if row is not None and set(listed) != intent.ids:
        raise _contradicts(folder, f"row {row.seq} of the ledger lists other records")
    if len(live) < len(intent.ids) and (row is None or not known_to_keyring(folder, row.seq)):
        raise _contradicts(
            folder, "records of it are gone, and no row of the ledger that the keyring knows says so"
        )
    for record in intent.records:
        known = {**listed.get(record["id"], {}), **facts.get(record["id"], {})}
        if any(known.get(name, record[name]) != record[name] for name in record):
            raise _contradicts(folder, f"record {record['id']} is another one")
    return replace(intent, records=[{**r, **facts.get(r["id"], {})} for r in intent.records])


def check_may_destroy_again(folder: ModelFolder, ids: Collection[str], rows: Sequence[Entry] = ()) -> None:
    """May keys be destroyed that the ledger calls erased? If the keyring noted or signed the row, or a receipt of it.

    Where it was restored from a backup, it has noted an earlier row. `rows`: of an export, that go on where the ledger
    ends. Raises `IntegrityError`.
    """
    ledger = [*folder.ledger.entries(), *rows]
    noted = None if folder.keys is None else folder.keys.head()
    last = noted.seq if noted is not None and any(row.head == noted for row in ledger) else 0
    known = [row for row in ledger if row.seq <= last or is_signed(folder, row)]
    left = set(ids) - set(erased_by(known))
    left -= _signed(folder) if left else set()
    if left:
        source = "given for" if rows else "of"
        raise IntegrityError(
            f"the ledger {source} {folder.path} calls record {min(left)} erased, but the keyring "
            f"{folder.keyring.place} neither knows that row nor signed a receipt of it; nothing was destroyed. "
            "If the keyring was restored from a backup, take the newest one, or put the receipt that "
            "it signed into the folder's receipts and run: preforget restore MODEL; "
            "otherwise restore the folder from a copy"
        )


def _is_last(folder: ModelFolder, intent: Intent) -> bool:
    """Tell whether the model didn't go on after an announcement: else it was withheld, and is put back later.

    Nothing but the erasure itself, and what records derive for it, comes after one that was made in its place.
    """
    rows = in_force(folder.ledger.entries(intent.seq))
    return any(is_row_of(intent, row, "forget") for row in rows) or all(
        row.event in ("derive", "undone") for row in rows
    )


def is_row_of(intent: Intent, row: Entry, event: str) -> bool:
    """Tell whether a row is the one of an event in an announced erasure."""
    return row.event == event and row.data.get("erasure") == intent.erasure


def _signed(folder: ModelFolder) -> set[str]:
    """Return the ids of records that receipts in the folder by this keyring call erased."""
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


def _contradicts(folder: ModelFolder, what: str) -> IntegrityError:
    return IntegrityError(
        f"{folder.path / INTENT} doesn't fit the model: {what}; nothing was destroyed or signed. Restore the folder "
        "from a copy, or forget again with: preforget forget MODEL LABEL"
    )
