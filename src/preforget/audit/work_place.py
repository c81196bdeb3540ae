"""The work folder of an audit: a listed copy before it is made, encrypted if its model is sealed, gone at the end.

It holds models that know what is to be forgotten, and their answers. The key of a sealed model's audit is in the
model's keyring under the audit's own id, so an interrupted audit continues; files that its key doesn't open are made
anew. If the model's list can't be changed, the key exists only in memory, and an interrupted audit begins anew.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from preforget.classifier.model import Model
from preforget.core.errors import StoreError
from preforget.core.files import exclusive, make_private
from preforget.erasure.copies import add_copy, note_key, remove_copy
from preforget.jobs.work import Work
from preforget.store import ModelFolder
from preforget.store.side_key import (
    MARK,
    SideKey,
    begin_key,
    destroy_owned,
    key_of,
    new_owner,
    passing_key,
)

KIND = "checkpoint"
"""Its name in the list of copies: the state of something unfinished."""


@contextlib.contextmanager
def opened_work(work: Path, model: Model) -> Iterator[SideKey | None]:
    """Enter the work folder into the model's list of copies, make and lock it, and yield the key of its files.

    None if the files are not encrypted: the model is not sealed, or has no folder. Raises `StoreError`, and
    `UsageError` if the folder can't be used.
    """
    folder = model.folder
    listed = folder is not None and folder.is_writable()
    if folder is not None and listed:
        _list(work, folder)
    try:
        make_private(work)
        with exclusive(work):
            yield _key(work, folder, listed=listed)
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"{work} can't be written: {error.strerror or error}") from error


@contextlib.contextmanager
def passing_work(work: Path) -> Iterator[SideKey]:
    """Yield a key that ends with this process, for a temporary folder."""
    with exclusive(work):
        yield passing_key()


def end_work(work: Path, model: Model) -> None:
    """Destroy the key of a work folder, delete the folder, and strike it out of the model's list of copies.

    Raises `StoreError`.
    """
    folder = model.folder
    if folder is not None and folder.manifest.sealed and folder.is_writable():
        _destroy_noted(work, folder)
    try:
        shutil.rmtree(work, ignore_errors=not work.exists())
    except OSError as error:
        raise StoreError(f"{work} can't be deleted: {error.strerror or error}") from error
    if folder is not None and folder.is_writable():
        for copy_id in _entries(work, folder):
            remove_copy(folder, copy_id)


def _key(work: Path, folder: ModelFolder | None, *, listed: bool) -> SideKey | None:
    """Return the key of a listed work folder, after deleting files that have another key or none."""
    sealed = folder is not None and (folder.manifest.sealed or not listed)
    key = None
    if folder is not None and sealed and listed:
        key = key_of(work, folder.keyring)
        if key is not None and key.owner not in _noted(work, folder):
            key = None  # whose mark was put there is not for this audit to use or to destroy
    if key is None and (sealed or (work / MARK).exists()):
        Work(work).clear()
        (work / MARK).unlink(missing_ok=True)
        if folder is not None and sealed:
            key = _begin(work, folder) if listed else passing_key()
    return key


def _begin(work: Path, folder: ModelFolder) -> SideKey:
    """Make a key whose owner the list of copies names, in place of one with which nothing is encrypted any more."""
    _destroy_noted(work, folder)
    owner = new_owner()
    note_key(folder, _entries(work, folder)[0], owner)
    return begin_key(work, folder.keyring, owner=owner)


def _noted(work: Path, folder: ModelFolder) -> list[str]:
    """Return the owners of keys that the list of copies names for this work folder."""
    copies = [folder.manifest.copies[i] for i in _entries(work, folder)]
    return [copy["key"] for copy in copies if "key" in copy]


def _destroy_noted(work: Path, folder: ModelFolder) -> None:
    for owner in _noted(work, folder):
        destroy_owned(owner, folder.keyring, work)


def _list(work: Path, folder: ModelFolder) -> None:
    if not _entries(work, folder):
        add_copy(folder, KIND, str(work.absolute()), delete=True)


def _entries(work: Path, folder: ModelFolder) -> list[str]:
    path = str(work.absolute())
    return [i for i, copy in folder.manifest.copies.items() if copy["place"] == path]
