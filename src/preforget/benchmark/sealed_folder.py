"""A benchmark's folder whose cells and models are encrypted: they know the classes of the data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from preforget.core.errors import StoreError, UsageError
from preforget.core.files import exclusive
from preforget.jobs.work import PARTS, RESULTS, Work
from preforget.store.key_service import Keyring
from preforget.store.side_key import BENCH, MARK, SideKey, begin_key, destroy_key, key_of, owner_of


def folder_key(folder: Path, keyring: Callable[[], Keyring], *, seal: bool) -> SideKey | None:
    """Return the key of a benchmark's folder, made if it is to be sealed and new; None for one in the clear.

    Whoever shares the folder needs a keyring with its key. Raises `UsageError` if that is not so, or if there are
    results in the clear already.
    """
    with exclusive(folder):
        if owner_of(folder) is not None:
            key = key_of(folder, keyring())
            if key is None:
                raise UsageError(f"{folder} is sealed, and its key isn't in the keyring; give --keyring")
            return key
        if not seal:
            return None
        if any(path.is_file() for part in PARTS for path in (folder / part).glob("*")):
            raise UsageError(f"{folder} holds results in the clear; choose another folder for sealed ones")
        return begin_key(folder, keyring(), BENCH)


def discard_cells(folder: Path, keyring: Callable[[], Keyring]) -> None:
    """Destroy the key of a benchmark's folder, if it has one, and delete cells and models; tables stay.

    Raises `UsageError` for another folder, `StoreError` if it can't be deleted.
    """
    if not (folder / RESULTS).is_dir():
        raise UsageError(f"{folder} holds no cells of a benchmark")
    try:
        with exclusive(folder):
            if owner_of(folder) is not None:
                destroy_key(folder, keyring())
                (folder / MARK).unlink(missing_ok=True)
            Work(folder).remove_parts()
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"{folder} can't be deleted: {error.strerror or error}") from error
