"""Bring a model folder of an older format to the one that is written today; every record stays as it is."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from preforget.core.errors import StoreError, UsageError
from preforget.core.files import exclusive, make_private, sync, sync_folder
from preforget.erasure.copies import add_copy
from preforget.erasure.opening import open_folder
from preforget.erasure.plan import engine_of
from preforget.store import Manifest, ModelFolder
from preforget.store.layout import unfinished_name
from preforget.store.manifest import FORMAT
from preforget.store.record_files import KeyringPlace

KIND = "export"
"""The backup is a whole model folder on this machine, which `forget --delete-copies` can delete."""


@dataclass(frozen=True)
class Upgraded:
    """What an upgrade did: `before` and `after`, the formats; `backup`, where the folder as it was lies, if made."""

    before: int
    after: int
    backup: Path | None


def upgrade(path: Path, keyring: KeyringPlace = None, backup: Path | None = None) -> Upgraded:
    """Bring a folder to the newest format, and leave it as it was in `backup`, which is listed as a copy of it.

    `backup`: by default the folder's name with `.format` and the old number. It can be killed and repeated at any
    point: until the last step, one row of the ledger and the manifest, the folder is of the old format. What needs data
    stays by the rules of the old format, see `Engine.lacks`. Raises `StoreError`, `UsageError`.
    """
    folder = open_folder(path, keyring)
    before = folder.manifest.format
    if before == FORMAT:
        return Upgraded(before, before, None)
    backup_path = backup or path.with_name(f"{path.name}.format{before}")
    with folder.changing():
        folder.check_current()
        _back_up(folder, backup_path)
        options = engine_of(folder).options_type.upgraded(folder.manifest.options, before)
        folder.commit("upgrade", {"from": str(before), "to": str(FORMAT)}, format=FORMAT, options=options)
    return Upgraded(before, FORMAT, backup_path)


def _back_up(folder: ModelFolder, backup_path: Path) -> None:
    """Copy the folder as it is, after it was listed as a copy, so that no copy is ever unknown."""
    backup_path = backup_path.absolute()
    listed = any(
        c["kind"] == KIND and c["place"] == str(backup_path) for c in folder.manifest.copies.values()
    )
    if os.path.lexists(backup_path):
        if backup_path.is_symlink() or not listed or not _is_of(folder, backup_path):
            raise UsageError(f"{backup_path} exists; give another place for the backup, or move it away")
        shutil.rmtree(backup_path)  # of an upgrade that was cut off
    if not listed:
        add_copy(folder, KIND, str(backup_path), delete=True)
    unfinished = backup_path.with_name(unfinished_name(backup_path.name))
    try:
        if os.path.lexists(unfinished):
            shutil.rmtree(unfinished)
        make_private(unfinished)
        with exclusive(unfinished, wait=False):  # else other commands take it for a leftover
            shutil.copytree(folder.path, unfinished, symlinks=True, dirs_exist_ok=True)
            for path in unfinished.rglob("*"):
                (sync_folder if path.is_dir() else sync)(path)
            sync_folder(unfinished)
            unfinished.rename(backup_path)
            sync_folder(backup_path.parent)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        # of several files, such as on a full disk, the last says it
        why = error.args[0][-1][-1] if isinstance(error, shutil.Error) else error.strerror or error
        raise StoreError(f"the backup {backup_path} can't be written: {why}") from error


def _is_of(folder: ModelFolder, backup_path: Path) -> bool:
    """Tell whether a folder is a copy of this model of its own format."""
    try:
        other = Manifest.read(backup_path)
    except StoreError:
        return False
    return (other.model, other.format) == (folder.manifest.model, folder.manifest.format)
