"""Which rows of a sealed model's ledger does its keyring confirm? Those up to the row it noted, and those it signed.

Whoever may write to the folder can add rows, and a manifest that fits them, but can't sign them. A row is written
first, then the manifest that it states, and then the keyring notes it. So whatever a crash leaves, the rows that the
keyring hasn't noted are signed by it, and the manifest is not before the row that it noted. In ledgers of earlier
versions, which signed no rows, those up to the noted head are confirmed.

Keys from the environment note no head and sign nothing: where they are all there is, every row is taken as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.store.head import Head
from preforget.store.key_service import Keyring, ModelKeys
from preforget.store.ledger import Entry, Ledger
from preforget.store.manifest import Manifest


class SealedFolder(Protocol):
    """What is asked of a model folder here, see `ModelFolder`."""

    path: Path
    manifest: Manifest
    ledger: Ledger

    @property
    def live(self) -> Collection[str]:
        """The ids of all live records."""

    @property
    def keys(self) -> ModelKeys | None:
        """The keys of the model's records, None where it isn't sealed."""

    @property
    def keyring(self) -> Keyring:
        """The keyring."""


def is_signed(folder: SealedFolder, row: Entry, *, former: bool = False) -> bool:
    """Tell whether the keyring's current signing key has signed a row; `former`: or one that it had before."""
    content = row.signed_content(folder.manifest.model)
    return bool(row.signature) and folder.keyring.signing.verifies(content, row.signature, former=former)


def known_to_keyring(folder: SealedFolder, number: int) -> bool:
    """Does the keyring of a sealed model confirm a row and all before it? True if the model isn't sealed."""
    keys = folder.keys
    if keys is None or not keys.writable:
        return True
    noted = keys.head()
    if noted is not None and not folder.ledger.holds(noted):
        return False
    after = number - 1 if noted is None else noted.seq
    return all(is_signed(folder, row) for row in folder.ledger.entries(after) if row.seq <= number)


class LastRows:
    """The last rows of a ledger, read once for several questions about them."""

    def __init__(self, ledger: Ledger, after: int) -> None:
        self._rows = list(ledger.entries(after))

    def entries(self, after: int) -> Iterator[Entry]:
        """Yield the rows after row `after`, which is none before those that were read."""
        return (row for row in self._rows if row.seq > after)

    def holds(self, head: Head) -> bool:
        """Tell whether exactly the row that `head` names is among them."""
        return any(row.head == head for row in self._rows)


def check_age(folder: SealedFolder, read: LastRows | None = None) -> None:
    """Raise `IntegrityError` if the keyring of a sealed model knows a row that the ledger doesn't have.

    `read`: rows of the ledger that were read just now, here and below; by default they are read again.
    """
    head = None if folder.keys is None else folder.keys.head()
    if head is not None and not (read or folder.ledger).holds(head):
        raise IntegrityError(
            f"{folder.path} is older than its keyring knows, or another copy of it has gone on: row {head.seq} is "
            "not in its ledger; end this with: preforget restore MODEL [--replay LEDGER]"
        )


def check_not_unsealed(folder: SealedFolder) -> None:
    """Raise `IntegrityError` for a folder that isn't sealed if the keyring knows its model as a sealed one.

    It is a copy from before the sealing, perhaps put in the place of the sealed folder. A keyring that can't be opened
    knows nothing; an unsealed model needs none.
    """
    if folder.manifest.sealed:
        return
    try:
        noted = folder.keyring.model(folder.manifest.model).head()
    except IntegrityError:
        raise
    except (StoreError, UsageError):
        return
    if noted is not None:
        raise IntegrityError(
            f"{folder.path} isn't sealed, but the keyring {folder.keyring.place} knows its model as a sealed one: it "
            "is a copy from before the sealing, and what is forgotten in it isn't forgotten in the model. Nothing was "
            "changed or signed. Use the sealed folder, or restore it from a copy; to read this one nevertheless, name "
            "another keyring with --keyring"
        )


def check_still_followed(folder: SealedFolder) -> None:
    """May whoever has a model loaded go on with it? Raises `IntegrityError` if what it has read is not to be followed.

    The manifest can be the one that it read, and yet an earlier one that somebody put back after another process had
    changed the model. Of an unsealed model only the ledger shows that.
    """
    check_not_unsealed(folder)
    read, noted = None, None if folder.keys is None else folder.keys.head()
    if noted is not None and noted.seq > 0:
        read = LastRows(folder.ledger, max(min(noted.seq, int(folder.manifest.ledger["seq"])) - 1, 0))
    check_age(folder, read)
    check_confirmed(folder, read)
    check_not_put_back(folder, read)


def check_confirmed(folder: SealedFolder, read: LastRows | None = None) -> None:
    """May the rows of the ledger be followed? Raises `IntegrityError` for one that the keyring doesn't confirm."""
    for row in unnoted(folder, read):
        if not is_signed(folder, row):
            raise _refused(folder, row)


def confirmed(folder: SealedFolder, rows: Sequence[Entry]) -> int:
    """Return how many rows of a sealed model's ledger, from the first on, its keyring confirms.

    Those are the rows up to the one that it noted, and up to the last one that its current key has signed: a row's
    signature covers the hash of the row before.
    """
    noted = None if folder.keys is None else folder.keys.head()
    until = noted.seq if noted is not None and any(row.head == noted for row in rows) else 0
    return next((row.seq for row in reversed(rows[until:]) if is_signed(folder, row)), until)


def check_not_put_back(folder: SealedFolder, read: LastRows | None = None) -> None:
    """Raise `IntegrityError` if the manifest of a sealed model is one from before what the keyring has noted.

    A crash leaves it at most one change behind the ledger, and never behind the keyring.
    """
    keys, number = folder.keys, int(folder.manifest.ledger["seq"])
    if keys is None or not keys.writable:
        return
    noted, rows = keys.head(), list((read or folder.ledger).entries(number))
    again = {"undone"} if not rows or rows[0].event != "erased" else {"undone", "erased"}
    if (noted is not None and number < noted.seq) or any(row.event not in again for row in rows[1:]):
        raise IntegrityError(
            f"the manifest of {folder.path} is of row {number} of its ledger, and its keyring knows that the model "
            "went on: it is an earlier one. If you took it from a backup, end this with: preforget restore MODEL; "
            "otherwise restore the folder from a copy"
        )


def note_head(folder: SealedFolder) -> None:
    """Note where the ledger of a sealed model ends, if a crash or an older keyring's return has prevented that."""
    keys = folder.keys
    if keys is None or not keys.writable:
        return
    noted, end = keys.head(), Head(folder.manifest.ledger["seq"], folder.manifest.ledger["hash"])
    if noted != end and (noted is not None or _has_keys(folder, keys)):
        keys.note_head(end)


def unnoted(folder: SealedFolder, read: LastRows | None = None) -> Sequence[Entry]:
    """Return the rows after the one that the keyring noted; of a model whose creation was cut off the last one."""
    keys = folder.keys
    if keys is None or not keys.writable:
        return []
    noted = keys.head()
    if noted is not None:
        return list((read or folder.ledger).entries(noted.seq))
    if not _has_keys(folder, keys):
        return []  # another keyring: whoever reads a record is told so
    return list(folder.ledger.entries(folder.ledger.head().seq - 1))


def _has_keys(folder: SealedFolder, keys: ModelKeys) -> bool:
    live = set(folder.live)
    return bool(live) and keys.holding(live) == live


def _refused(folder: SealedFolder, row: Entry) -> IntegrityError:
    return IntegrityError(
        f"row {row.seq} of the ledger of {folder.path} was not written with the keyring {folder.keyring.place}; it was "
        "not followed, and nothing was destroyed. Restore the folder from a copy; if the keyring was restored from a "
        "backup, or its signing key was rotated meanwhile, run: preforget restore MODEL"
    )
