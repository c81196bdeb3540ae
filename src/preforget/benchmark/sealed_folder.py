"""A benchmark's folder whose cells and models are encrypted: they know the classes of the data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.core.files import exclusive
from preforget.jobs.work import PARTS, RESULTS, Work
from preforget.store.key_service import Keyring
from preforget.store.sealing import HEADER
from preforget.store.side_key import (
    BENCH,
    MARK,
    SideKey,
    begin_key,
    destroy_owned,
    key_of,
    keys_made_for,
    owner_of,
)


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

    Raises `UsageError` for another folder, `StoreError` if it can't be deleted, and `IntegrityError` if its key was
    made for another folder.
    """
    if not (folder / RESULTS).is_dir():
        raise UsageError(f"{folder} holds no cells of a benchmark")
    try:
        with exclusive(folder):
            if owner_of(folder) is not None or any(map(_is_sealed, _files(folder))):
                _destroy_key(folder, keyring())
                (folder / MARK).unlink(missing_ok=True)
            Work(folder).remove_parts()
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"{folder} can't be deleted: {error.strerror or error}") from error


def _destroy_key(folder: Path, keyring: Keyring) -> None:
    """Destroy the key that was made for a folder and that its mark names, or that opens a file in it.

    The mark alone orders nothing: anybody may have put it there. A key that was made here for a folder that was moved
    away since stays. Raises `IntegrityError` if the mark names a key that was made for another folder.
    """
    named = owner_of(folder)
    keys = keys_made_for(folder, keyring, BENCH)
    side_keys = [
        key for key in keys if key.owner == named or any(_opens(key, path) for path in _files(folder))
    ]
    if not side_keys and named in keyring.models():
        raise IntegrityError(
            f"{folder / MARK} names a key that was made for another folder; nothing was deleted, and no key destroyed. "
            "If you moved the folder, move it back and repeat this; otherwise somebody put that file there: delete it, "
            "and repeat this"
        )
    for key in side_keys:
        destroy_owned(key.owner, keyring, folder)


def _files(folder: Path) -> list[Path]:
    return [path for part in PARTS for path in sorted((folder / part).glob("*")) if path.is_file()]


def _is_sealed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(HEADER)) == HEADER


def _opens(key: SideKey, path: Path) -> bool:
    return key.unlock(path.name, path.read_bytes()) is not None
