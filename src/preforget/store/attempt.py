"""What an attempt to make or to seal a model left in the keyring, if it came to nothing: only its own keys may go."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from preforget.core.errors import StoreError, UsageError
from preforget.core.files import exclusive, make_private
from preforget.store.key_service import ModelKeys, place_of
from preforget.store.layout import RECORDS
from preforget.store.ledger import Ledger, taken_out_by
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
    written; a model is finished once the keyring has noted a head of it, and keys go only if they were made for it in
    this very place. `ours`: whether this process made it; if it can't open the keyring, it made no keys.

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
                    keys_of(left.model).withdraw(ids, place_of(path))
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
    """Return the ids of all records that a model ever had, as its ledger lists them; raises `IntegrityError`.

    Of those that lie in packs it lists only the ones that were taken out of them.
    """
    made = dict.fromkeys(("learn", "add", "more", "rename", "merge", "derive", "repack"), "records")
    made["restore"] = "derived"
    entries = list(ledger.entries())
    rows = (e.data.get(made[e.event]) for e in entries if e.event in made)
    listed = [record for records in rows if isinstance(records, list) for record in records]
    ids = {str(record["id"]) for record in listed if isinstance(record, dict) and "id" in record}
    return ids | taken_out_by(entries)
