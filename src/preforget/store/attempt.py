"""What an attempt to make or to seal a model left in the keyring, if it came to nothing: only its own keys may go."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

from preforget.core.errors import StoreError, UsageError
from preforget.store.head import Head
from preforget.store.key_service import ModelKeys
from preforget.store.ledger import Ledger
from preforget.store.manifest import Manifest


def clear_unfinished(path: Path, keys_of: Callable[[str], ModelKeys], head: Head | None = None) -> None:
    """Delete a folder that an unfinished creation left, and the keys of that creation, unless a model lives by them.

    `keys_of`: returns the keys of a model by its id. The folder's first manifest names the records that were to be
    written. `head`: what the calling process itself noted in the keyring; one that anybody else noted is that of a
    finished model.
    """
    with contextlib.suppress(StoreError, UsageError):  # no folder there, or keys that stay
        left = Manifest.read(path)
        if left.sealed:
            ids = {Path(name).stem for name in left.erasing} | set(left.records)
            keys_of(left.model).withdraw(ids, head)
    shutil.rmtree(path, ignore_errors=True)


def ids_of(ledger: Ledger) -> set[str]:
    """Return the ids of all records that a model ever had, as its ledger lists them; raises `IntegrityError`."""
    rows = (e.data.get("records") for e in ledger.entries() if e.event in {"learn", "add", "derive"})
    listed = [record for records in rows if isinstance(records, list) for record in records]
    return {str(record["id"]) for record in listed if isinstance(record, dict) and "id" in record}


def undone_seal(ledger: Ledger, keys: ModelKeys) -> Head | None:
    """Return the keyring's head if it is a sealing in the ledger of a model that isn't sealed: it came to nothing."""
    noted = keys.head()
    if noted is None or noted.seq < 1:
        return None
    row = next(ledger.entries(noted.seq - 1), None)
    return noted if row is not None and row.head == noted and row.event == "seal" else None
