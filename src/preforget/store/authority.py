"""Who may destroy, and who may sign: one function per question, which every command asks before it does either.

What lies in a model folder, anybody may have written. So an order to destroy needs something that only the keyring can
have given: an announcement under its secret, a row of the ledger that it has noted or signed, or a receipt that it
signed. Which rows those are, and whether they may be followed at all, says `confirmation`. What follows from it:

- may an announced erasure be ended? `check_may_end`; begun? `check_may_begin`; signed? `check_may_sign`
- may it be done again on what a backup brought back? `check_may_destroy_again`
- may a folder, as the user restores it, be taken? `check_may_restore`
- may files of a change that was cut off go? `check_erasing`; and which keys? `may_go`
- may keys go that an attempt at making or sealing a model left? `check_is_attempt`, `check_made_for`

What an erasure writes, its announcement and its receipts, belongs to the room `erasure`, which hands it in here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from preforget.core.clock import now
from preforget.core.errors import IntegrityError, StoreError
from preforget.store.confirmation import SealedFolder, confirmed, is_signed, known_to_keyring, unnoted
from preforget.store.head import Head
from preforget.store.layout import INTENT
from preforget.store.ledger import Entry, erased_by, in_force, taken_out_by

MOST_AHEAD = timedelta(days=1)
"""An announcement may be so much later than the clock, which may have been set back."""

Accept = Callable[[Sequence[Entry]], None]
"""Shows the user rows that the keyring doesn't confirm; raises an error unless they are to be followed."""


class OpenFolder(SealedFolder, Protocol):
    """What is asked of a model folder whose records are read, see `ModelFolder`."""

    def is_live(self, record_id: str) -> bool:
        """Tell whether a record is live."""

    def read_file(self, record_id: str) -> bytes:
        """Return a record's file."""

    def describe(self, contents: Mapping[str, bytes]) -> list[dict[str, Any]]:
        """Return id, location, bytes, digest and keyed name of records."""


class Announcement(Protocol):
    """What a folder says of an erasure that has begun, see `preforget.erasure.intent.Intent`."""

    @property
    def erasure(self) -> str:
        """Its id."""

    @property
    def ids(self) -> set[str]:
        """The ids of the records that go."""

    @property
    def records(self) -> list[dict[str, Any]]:
        """How these are described."""

    @property
    def begun(self) -> str:
        """When it began."""

    @property
    def before(self) -> dict[str, Any]:
        """The state of the model before it."""

    @property
    def seq(self) -> int:
        """The number of the ledger's last row before it."""

    @property
    def hash(self) -> str:
        """The hash of that row."""

    @property
    def mac(self) -> str:
        """What the keyring gave it."""

    def covered(self, model: str) -> bytes:
        """Return the bytes that `mac` covers."""


def check_may_end(folder: SealedFolder, announced: Announcement, *, to_forget: bool = False) -> str:
    """May an announced erasure be ended? Return when it began.

    Raises `IntegrityError` for one that this keyring didn't announce, or not for this model and this ledger, and for
    one that began in the future. `to_forget`: the latter counts as if it began now, since its owner is at work.
    """
    if not folder.keyring.signing.authenticates(announced.covered(folder.manifest.model), announced.mac):
        raise IntegrityError(
            f"{folder.path / INTENT} announces an erasure that the keyring {folder.keyring.place} didn't begin; "
            "nothing was destroyed or signed. If another keyring began it, give that one with --keyring; if an older "
            "version did, forget again with: preforget forget MODEL LABEL, which replaces it; if nobody did, move the "
            "file away"
        )
    row = next(folder.ledger.entries(announced.seq - 1), None) if announced.seq > 0 else None
    stated = None if row is None else (row.head, row.data.get("state"))
    if stated != (Head(announced.seq, announced.hash), announced.before["manifest"]):
        raise _contradicts(folder, f"row {announced.seq} of the ledger is another one")
    if not _is_last(folder, announced):
        raise _contradicts(folder, "the model has changed since, without ending it")
    if announced.begun > now(MOST_AHEAD):
        if not to_forget:
            raise IntegrityError(
                f"{folder.path / INTENT} announces an erasure for {announced.begun}, which is in the future: by this "
                f"machine's clock it is {now()}. Nothing was destroyed or signed. Set the clock, or, if it was wrong "
                "before, run: preforget forget MODEL LABEL, which ends what was announced"
            )
        return now()
    return announced.begun


def check_may_begin(folder: SealedFolder, read: Callable[[], Announcement | None]) -> None:
    """May an erasure be announced? Raises `StoreError` if one is that this keyring has begun and that isn't ended.

    `read`: returns what the folder announces.
    """
    try:
        pending = read()
        if pending is not None:
            check_may_end(folder, pending, to_forget=True)
    except IntegrityError:
        return  # it is worth nothing, and the new one replaces it
    if pending is not None:
        raise StoreError(
            f"an erasure in {folder.path} has begun and not ended; load the model again, which ends it"
        )


def check_may_sign(folder: OpenFolder, announced: Announcement, row: Entry | None) -> list[dict[str, Any]]:
    """May an erasure that was cut off be signed? Return its records as the files or the ledger have them.

    `row`: that announces it in the ledger, if it was written. Records that are live are read and described anew; of
    others the row speaks, and of a sealed model the keyring must know it. Raises `IntegrityError` if what was
    announced is not the same.
    """
    live = [i for i in sorted(announced.ids) if folder.is_live(i)]
    facts = {r["id"]: r for r in folder.describe({i: folder.read_file(i) for i in live})}
    listed = {} if row is None else {str(r["id"]): r for r in row.data["records"]}
    if row is not None and set(listed) != announced.ids:
        raise _contradicts(folder, f"row {row.seq} of the ledger lists other records")
    if len(live) < len(announced.ids) and (row is None or not known_to_keyring(folder, row.seq)):
        raise _contradicts(
            folder, "records of it are gone, and no row of the ledger that the keyring knows says so"
        )
    for record in announced.records:
        known = {**listed.get(record["id"], {}), **facts.get(record["id"], {})}
        if any(known.get(name, record[name]) != record[name] for name in record):
            raise _contradicts(folder, f"record {record['id']} is another one")
    return [{**r, **facts.get(r["id"], {})} for r in announced.records]


def check_may_destroy_again(
    folder: SealedFolder, ids: Collection[str], signed: Callable[[], set[str]], rows: Sequence[Entry] = ()
) -> None:
    """May keys be destroyed that the ledger calls erased? If the keyring noted or signed the row, or a receipt of it.

    Where it was restored from a backup, it has noted an earlier row. `signed`: returns the ids of records that receipts
    in the folder by this keyring call erased; `rows`: of an export, that go on where the ledger ends. Raises
    `IntegrityError`.
    """
    ledger = [*folder.ledger.entries(), *rows]
    noted = None if folder.keys is None else folder.keys.head()
    last = noted.seq if noted is not None and any(row.head == noted for row in ledger) else 0
    known = [row for row in ledger if row.seq <= last or is_signed(folder, row)]
    left = set(ids) - set(erased_by(known))
    left -= signed() if left else set()
    if left:
        source = "given for" if rows else "of"
        raise IntegrityError(
            f"the ledger {source} {folder.path} calls record {min(left)} erased, but the keyring "
            f"{folder.keyring.place} neither knows that row nor signed a receipt of it; nothing was destroyed. "
            "If the keyring was restored from a backup, take the newest one, or put the receipt that "
            "it signed into the folder's receipts and run: preforget restore MODEL; "
            "otherwise restore the folder from a copy"
        )


def check_may_restore(
    folder: SealedFolder, accept: Accept | None = None, exported: Sequence[Entry] = ()
) -> bool:
    """May a folder that the user restores be taken as it is? Return whether it has rows that aren't confirmed.

    The manifest must be the one in its row of the ledger, and the keyring must confirm that row. Rows that the
    manifest doesn't know are not followed, whoever wrote them. `exported`: all rows of a newer export, which must be
    confirmed as well, and can be what confirms those here. `accept`: asked whether to follow rows that aren't
    confirmed, which an earlier version, or a signing key from before a rotation, may have written; neither
    follows a row that the current key has signed, and one without a signature no signed one.
    Raises `IntegrityError` for another.
    """
    keys, known = folder.keys, folder.manifest.ledger
    if keys is None or not keys.writable:
        return False
    if keys.head() is None:
        keys.get(folder.live)  # says so if it is another keyring
    rows = [row for row in folder.ledger.entries() if row.seq <= int(known["seq"])]
    stated = None if not rows else (rows[-1].hash, rows[-1].data.get("state"))
    if stated != (known["hash"], folder.manifest.state()):
        raise IntegrityError(
            f"the manifest of {folder.path} is not the one that its ledger knows: it was changed or exchanged; nothing "
            "was followed or destroyed. Restore the folder from a copy"
        )
    chain = [*exported] if [*exported[: len(rows)]] == rows else rows
    left = chain[confirmed(folder, chain) :]
    if not left:
        return not all(is_signed(folder, row) for row in unnoted(folder) if row.seq <= len(rows))
    may_be_own = _may_be_own(folder, chain[: left[0].seq - 1], left)
    if accept is None or not may_be_own:
        raise _unconfirmed(folder, left[0], may_be_own)
    accept(left)
    return True


def may_go(folder: SealedFolder) -> set[str]:
    """Return the ids of records whose keys a manifest's `erasing` may let destroy: nothing but the keyring says which.

    They were made for a change that never ended, or a row that the keyring confirms calls them erased or removed. The
    list itself can be anybody's: it is no part of the state that a row of the ledger states.
    """
    if folder.keys is None or not folder.keys.writable:  # it refuses to destroy any
        return {Path(name).stem for name in folder.manifest.erasing}
    rows = list(folder.ledger.entries())
    return folder.keys.pending() | taken_out_by(rows[: confirmed(folder, rows)])


def check_erasing(folder: SealedFolder) -> bool:
    """May what the manifest calls `erasing` be destroyed? Return whether the keys may go too, and not the files alone.

    The manifest must be the one that its row of the ledger states, in a chain without a break, at most one row before
    the end: a change that was cut off adds one. Raises `IntegrityError` otherwise. The keys of a sealed model may go
    if the keyring knows that row, see `confirmation.known_to_keyring`.
    """
    rows, known = list(folder.ledger.entries()), folder.manifest.ledger
    number = int(known["seq"])
    row = rows[number - 1] if 1 <= number <= len(rows) else None
    stated = row is not None and (row.hash, row.data.get("state")) == (known["hash"], folder.manifest.state())
    if not stated or len(rows) > number + 1:
        raise IntegrityError(
            f"the manifest of {folder.path} lets erase files but is not the one that the ledger knows; nothing was "
            "erased. It was changed or exchanged: restore the folder from a copy"
        )
    return known_to_keyring(folder, number)


def check_made_for(noted: str, made_for: str, model: str, place: str) -> None:
    """Raise `IntegrityError` unless keys are withdrawn from the place for which they were made."""
    if noted != made_for:
        raise IntegrityError(
            f"the keys of {model} in {place} were made for another place, and stay as they are: if you moved the "
            "folder, move it back and repeat this; otherwise somebody put a file there that names these keys: delete it"
        )


def check_is_attempt(
    keys: Iterable[str],
    destroyed: Mapping[str, str],
    noted: Head | None,
    ids: Iterable[str],
    place: str,
) -> None:
    """Raise `IntegrityError` unless what is kept of a model is what an attempt with `ids` left: keys, and no head."""
    if destroyed or noted is not None or not set(keys) <= set(ids):
        raise IntegrityError(
            f"{place} holds keys that a sealed copy of this model lives by, and they stay as they are: "
            "use that copy instead of this older one, or name another keyring with --keyring"
        )


def is_row_of(announced: Announcement, row: Entry, event: str) -> bool:
    """Tell whether a row is the one of an event in an announced erasure."""
    return row.event == event and row.data.get("erasure") == announced.erasure


def _is_last(folder: SealedFolder, announced: Announcement) -> bool:
    """Tell whether the model didn't go on after an announcement: else it was withheld, and is put back later.

    Nothing but the erasure itself, and what records derive for it, comes after one that was made in its place.
    """
    rows = in_force(folder.ledger.entries(announced.seq))
    return any(is_row_of(announced, row, "forget") for row in rows) or all(
        row.event in ("derive", "undone") for row in rows
    )


def _may_be_own(folder: SealedFolder, before: Sequence[Entry], left: Sequence[Entry]) -> bool:
    """Can an earlier version, or a signing key from before a rotation, have written `left` after the rows `before`?"""
    if any(is_signed(folder, row) for row in before):
        return False
    signs = any(row.signature for row in before)
    for row in left:
        former = is_signed(folder, row, former=True)
        if signs and not former:
            return False
        signs = signs or former
    return True


def _unconfirmed(folder: SealedFolder, row: Entry, may_be_own: bool) -> IntegrityError:
    order = (
        ". Only if you know that an earlier version of preforget, or a signing key from before a rotation, has written "
        "this row, run: preforget restore MODEL --unconfirmed"
    )
    return IntegrityError(
        f"row {row.seq} of the ledger of {folder.path} was not written with the keyring {folder.keyring.place}: it has "
        "neither noted the row nor signed it with its current key. Nothing was followed or destroyed. Restore the "
        f"folder from another copy, or give the right keyring with --keyring{order if may_be_own else ''}"
    )


def _contradicts(folder: SealedFolder, what: str) -> IntegrityError:
    return IntegrityError(
        f"{folder.path / INTENT} doesn't fit the model: {what}; nothing was destroyed or signed. Restore the folder "
        "from a copy, or forget again with: preforget forget MODEL LABEL"
    )
