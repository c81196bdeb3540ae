"""What an attempt to make or to seal a model left in the keyring, if it came to nothing: only its own keys may go."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from preforget.core.errors import StoreError, UsageError
from preforget.core.files import exclusive, make_private
from preforget.store.head import Head
from preforget.store.key_service import ModelKeys
from preforget.store.layout import RECORDS
from preforget.store.ledger import Ledger
from preforget.store.manifest import Manifest


@contextlib.contextmanager
def attempt(unfinished: Path, keys_of: Callable[[str], ModelKeys]) -> Iterator[None]:
    """Make the folder of a model that is to be written in it; whatever is raised meanwhile, nothing of it stays.

    It is locked, so that other processes see that somebody is at it, even after it was renamed. `keys_of` as in
    `clear_unfinished`. Raises `StoreError` if another process has it.
    """
    make_private(unfinished.parent)
    clear_unfinished(unfinished, keys_of)  # a killed process may have left records in it, and their keys
    try:
        make_private(unfinished / RECORDS)
        with exclusive(unfinished, wait=False):
            yield
    except BaseException:
        with contextlib.suppress(OSError):
            clear_unfinished(unfinished, keys_of, ours=True)
        raise


def clear_unfinished(path: Path, keys_of: Callable[[str], ModelKeys], *, ours: bool = False) -> None:
    """Delete a folder that an unfinished creation left, and the keys of that creation, unless a model lives by them.

    `keys_of`: returns the keys of a model by its id. The folder's first manifest names the records that were to be
    written; a model is finished once the keyring has noted a head of it. `ours`: whether this process made it; if it
    can't open the keyring, it made no keys.

    Raises `StoreError` if a living process has the folder locked, and `UsageError` if the keyring can't be opened.
    """
    if path.is_symlink():
        raise StoreError(f"{path} is a link, where an unfinished model would be; move it away")
    try:
        with exclusive(path, wait=False):
            try:
                left = Manifest.read(path)
                if left.sealed:
                    ids = {Path(name).stem for name in left.erasing} | set(left.records)
                    keys_of(left.model).withdraw(ids)
            except UsageError:
                if not ours:
                    raise
            except StoreError:
                pass  # no model is there, or keys stay
            shutil.rmtree(path, ignore_errors=True)
    except FileNotFoundError:
        return
    except BlockingIOError as error:
        raise StoreError(
            f"another process is writing {path}; wait for it, or choose another place"
        ) from error


def ids_of(ledger: Ledger) -> set[str]:
    """Return the ids of all records that a model ever had, as its ledger lists them; raises `IntegrityError`."""
    made = {"learn": "records", "add": "records", "derive": "records", "restore": "derived"}
    rows = (e.data.get(made[e.event]) for e in ledger.entries() if e.event in made)
    listed = [record for records in rows if isinstance(records, list) for record in records]
    return {str(record["id"]) for record in listed if isinstance(record, dict) and "id" in record}


def undone_seal(ledger: Ledger, keys: ModelKeys) -> Head | None:
    """Return the keyring's head if it is a sealing in the ledger of a model that isn't sealed: it came to nothing."""
    noted = keys.head()
    if noted is None or noted.seq < 1:
        return None
    row = next(ledger.entries(noted.seq - 1), None)
    return noted if row is not None and row.head == noted and row.event == "seal" else None


@dataclass(frozen=True)
class BeforeSealing:
    """What there was before a sealing began: whether the keyring had keys, the head it had noted, the ledger's end."""

    had_keys: bool
    noted: Head | None
    end: Head


def sealing_state(keys: ModelKeys, ids: Collection[str], end: Head) -> BeforeSealing:
    """Return what there is before a sealing of a model with these records begins."""
    return BeforeSealing(bool(keys.holding(ids)), keys.head(), end)


def take_back_seal(keys: ModelKeys, ledger: Ledger, before: BeforeSealing) -> None:
    """Remove what a sealing that failed has made in the keyring, and nothing that was there before it.

    Where keys were there, a model may live by them: all keys stay, for the next attempt, and the head is noted that was
    noted then. Raises `IntegrityError` if another process has gone on with them.
    """
    noted = undone_seal(ledger, keys)
    if noted is not None and noted.seq <= before.end.seq:
        noted = None  # not of this sealing
    if before.noted is not None:
        if noted is not None:
            keys.follow_restored(before.noted, [], "0" * 32)
    elif not before.had_keys:
        keys.withdraw(ids_of(ledger), noted)
