"""Do files, ledger, manifest and keyring of a model folder tell the same story? If a change was cut off, make them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from preforget.core.errors import IntegrityError, StoreError
from preforget.store.authority import check_erasing, may_go
from preforget.store.confirmation import check_age, check_confirmed, check_not_put_back, known_to_keyring
from preforget.store.head import Head
from preforget.store.key_service import Keyring, ModelKeys
from preforget.store.layout import INTENT, LEDGER, SHARED, check_names, pack_name, receipt_name
from preforget.store.ledger import ERASING, Entry, Ledger, erased_by
from preforget.store.ledger_sqlite import SqliteLedger
from preforget.store.manifest import NAME, Manifest
from preforget.store.packed import OLD_PACKS

ORDINARY = frozenset(
    {
        "add",
        "more",
        "rename",
        "merge",
        "derive",
        "detach",
        "attach",
        "audit",
        "export",
        "seal",
        "copy",
        "keep",
    }
    | {"upgrade", "repack"}
)
"""Changes that begin where the manifest and the ledger end at the same row."""


class ChangingFolder(Protocol):
    """What is asked of a model folder here, see `ModelFolder`."""

    path: Path
    manifest: Manifest
    ledger: Ledger
    refused_intent: bool

    @property
    def keys(self) -> ModelKeys | None:
        """The keys of the model's records, None where it isn't sealed."""

    @property
    def keyring(self) -> Keyring:
        """The keyring."""

    def name_of(self, record_id: str) -> str:
        """Return the name of a record's file, relative to the folder."""

    @property
    def live(self) -> Collection[str]:
        """The ids of all live records."""

    def live_names(self) -> list[str]:
        """Return the names of all files of records and packs."""

    def check_packs(self) -> None:
        """Check what lies in packs."""

    def has_intent(self) -> bool:
        """Tell whether an erasure has begun and not ended."""

    def finish_erasing(self, erasure: str = ..., *, keys_of: Collection[str] | None = ...) -> None:
        """Destroy what is being erased."""

    def commit(self, event: str, data: Mapping[str, Any], **changes: Any) -> Entry:
        """Enter a row into the ledger and make the manifest know it."""

    def adopt_head(self, head: Head, manifest: Manifest) -> None:
        """Make keyring and manifest know the ledger's last row."""


def check(folder: ChangingFolder) -> list[Entry]:
    """Check names of files, the whole ledger and the keyring against the manifest; return the ledger's rows.

    Raises `IntegrityError`. Contents of records are checked when they are read.
    """
    entries = list(folder.ledger.entries())
    known = folder.manifest.ledger
    last = entries[-1] if entries else None
    if last is None or last.head != Head(known["seq"], known["hash"]):
        raise IntegrityError(f"the ledger of {folder.path} does not end where the manifest says")
    if last.data.get("state") != folder.manifest.state():
        raise IntegrityError(f"the manifest of {folder.path} is not the one that the ledger knows")
    receipts = [receipt_name(str(e.data.get("erasure"))) for e in entries if e.event == "erased"]
    shared = [] if folder.manifest.shared is None else [SHARED]
    refused = [INTENT] if folder.refused_intent else []
    check_names(folder.path, [NAME, LEDGER, *shared, *folder.live_names()], [*receipts, *refused])
    folder.check_packs()
    check_age(folder)
    check_confirmed(folder)
    return entries


def recover(folder: ChangingFolder, *, old: bool = False) -> None:
    """Bring files, ledger and manifest together after a change that was cut off; erasures are left to go on.

    Of the keys, only those go that `authority.may_go` allows. `old`: of a folder that is older than its keyring
    knows, leave rows that the manifest doesn't know to the caller.
    """
    head, known = folder.ledger.head(), Head(folder.manifest.ledger["seq"], folder.manifest.ledger["hash"])
    if head.seq < known.seq or not (head == known or folder.ledger.holds(known)):
        raise IntegrityError(
            f"the ledger of {folder.path} lacks row {known.seq}, which the manifest knows: it was cut or exchanged"
        )
    if head == known and SqliteLedger(folder.path / LEDGER).digest() != folder.manifest.ledger["digest"]:
        raise IntegrityError(f"the ledger of {folder.path} was changed: the digest of its file differs")
    if head != known and end_restore(folder):
        return
    if not old:
        check_not_put_back(folder)
    known_row = not folder.manifest.erasing or check_erasing(folder)
    if not known_row and not old:
        raise IntegrityError(
            f"{folder.path} lets destroy keys by row {known.seq} of its ledger, which the keyring doesn't know; "
            "nothing was destroyed. Give the right keyring with --keyring; if it was restored from a backup, run: "
            "preforget restore MODEL"
        )
    folder.finish_erasing(keys_of=may_go(folder) if known_row and folder.manifest.erasing else ())
    if head != known and not folder.has_intent() and not old:
        undo(folder)


def end_restore(folder: ChangingFolder) -> bool:
    """End the restoring of a backup that was cut off between ledger and manifest; return whether there was one.

    The last row must be a `restore` that states the manifest which follows from it; of a sealed model the keyring must
    know it.
    """
    row = list(folder.ledger.entries(int(folder.manifest.ledger["seq"])))[-1]
    if row.event != "restore" or not known_to_keyring(folder, row.seq):
        return False
    changes = without(folder.manifest, set(erased_by([row])))
    changes["records"] |= digests_of(row.data.get("derived"))
    changes["packs"] = packs_after(folder.manifest.packs, row)
    manifest = replace(folder.manifest, generation=folder.manifest.generation + 1, **changes)
    if manifest.state() != row.data.get("state"):
        return False
    gone = {*erased_by([row]), *folder.manifest.records} - set(manifest.records)
    old = set(folder.manifest.packs) - set(manifest.packs)
    erasing = sorted([*map(folder.name_of, gone), *map(pack_name, old)])
    folder.adopt_head(row.head, replace(manifest, erasing=erasing))
    folder.finish_erasing(str(row.data.get("erasure")))
    return True


def digests_of(listed: object) -> dict[str, str]:
    """Return the digests of records by id, as a row of the ledger lists them."""
    records = [record for record in listed if isinstance(record, dict)] if isinstance(listed, list) else []
    return {str(record.get("id")): str(record.get("digest")) for record in records}


def packs_after(packs: Mapping[str, str], row: Entry) -> dict[str, str]:
    """Return the packs of a manifest after a row of the ledger that wrote some and replaced others."""
    listed = row.data.get(OLD_PACKS)
    gone = set(map(str, listed)) if isinstance(listed, list) else set()
    return {**{i: d for i, d in packs.items() if i not in gone}, **digests_of(row.data.get("packs"))}


def without(manifest: Manifest, gone: Collection[str]) -> dict[str, Any]:
    """Return the entries of a manifest that change when records go."""
    return {
        "records": {i: digest for i, digest in manifest.records.items() if i not in gone},
        "detached": [i for i in manifest.detached if i not in gone],
        "keeps": {i: share for i, share in manifest.keeps.items() if i not in gone},
    }


def is_ahead(folder: ChangingFolder) -> bool:
    """Tell whether the ledger has rows that the manifest doesn't know: a change was cut off between them."""
    return folder.ledger.head().seq > int(folder.manifest.ledger["seq"])


def check_not_ahead(folder: ChangingFolder, event: str) -> None:
    """Raise `StoreError` if a row of an event would follow rows that the manifest doesn't know.

    An `erased` row may follow another one, whose receipt was lost in a crash.
    """
    known = Head(folder.manifest.ledger["seq"], folder.manifest.ledger["hash"])
    if folder.ledger.head() == known:
        return
    ahead = list(folder.ledger.entries(known.seq)) if folder.ledger.holds(known) else []
    if event != "erased" or not ahead or any(row.event != "erased" for row in ahead):
        raise StoreError(
            f"the ledger of {folder.path} has rows that the manifest doesn't know: another process has changed it, and "
            "nothing was destroyed; load the model again"
        )


def prepare_row(folder: ChangingFolder, event: str) -> None:
    """Make sure that a row of an event can follow: undo what a change that was cut off left before an ordinary one.

    Raises `StoreError` if an ordinary change would come after the announcement of an erasure, which must be ended
    first, or if the manifest doesn't know the rows before.
    """
    if event in ORDINARY - {"derive", "repack"} and folder.has_intent() and not folder.refused_intent:
        raise StoreError(
            f"an erasure in {folder.path} has begun and not ended; load the model again, which ends it"
        )
    if event in ORDINARY and is_ahead(folder):  # nobody's row may be followed, and so be known
        undo(folder)
    elif event not in ("learn", "undone"):
        check_not_ahead(folder, event)


def undo(folder: ChangingFolder, *, old: bool = False) -> None:
    """Say in the ledger that rows which the manifest doesn't know didn't come to be.

    Once the keyring notes the row that says so, it knows these too. So, except in an old folder, raises
    `IntegrityError` for any row of a sealed model that the keyring doesn't confirm. One that calls something erased, or
    holds the digest of a receipt, and that the keyring knows stays in force.
    """
    if not old:
        check_confirmed(folder)
    head = folder.ledger.head()
    first = int(folder.manifest.ledger["seq"]) + 1
    rows = folder.ledger.entries(first - 1)
    kept = ERASING | {"erased"}
    stays = {row.seq for row in rows if row.event in kept and known_to_keyring(folder, row.seq)}
    folder.commit("undone", {"rows": [n for n in range(first, head.seq + 1) if n not in stays]})
