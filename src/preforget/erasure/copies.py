"""Known copies of a model elsewhere, and what happens to each when something is forgotten."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from preforget.core.clock import now
from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.core.hashing import bytes_digest
from preforget.store import Manifest, ModelFolder
from preforget.store.attempt import ids_of
from preforget.store.layout import LEDGER, RECORDS, record_name
from preforget.store.ledger import Ledger
from preforget.store.ledger_sqlite import SqliteLedger
from preforget.store.pack import ids_in_copy, slots_in_copy
from preforget.store.record_file import read_checked
from preforget.store.sealing import keyed_digest, new_key
from preforget.store.side_key import destroy_owned

KINDS = ("export", "hub", "onnx", "checkpoint", "cache", "replica", "backup")
OF_FOLDER = frozenset({"export", "hub", "backup"})
"""Kinds that are the model folder itself: of a sealed model they are unreadable once the key is gone.

A replica is one too, but a running process may have the keys in memory, or from its environment.
"""


def add_copy(
    folder: ModelFolder,
    kind: str,
    place: str,
    *,
    expires: str | None = None,
    delete: bool = False,
    sealed: bool = False,
) -> str:
    """Enter a copy into the model's list and return its id.

    `place`: a path, an address or a name; `expires`: the day (`2027-01-31`) on which it will be deleted; `delete`:
    let `forget` delete the file or folder there where it is asked to; `sealed`: you know that it was made of the sealed
    model and holds no keys, which a receipt states where it can't look. Raises `UsageError`, `StoreError`.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown kind of copy {kind!r}; choose one of: {', '.join(KINDS)}")
    if not place or len(place) > 4096 or not place.isprintable():
        raise UsageError("the place of a copy must be one line of text")
    if expires is not None and not _is_day(expires):
        raise UsageError(f"{expires!r} is no day; write it like 2027-01-31")
    if delete and (kind in {"hub", "backup"} or not Path(place).is_absolute()):
        raise UsageError("only a file or folder on this machine can be deleted; give its whole path")
    if delete and (near := _too_near(folder, Path(place))):
        raise UsageError(f"{near} must not be deleted when something is forgotten; name a copy elsewhere")
    if sealed and not folder.manifest.sealed:
        raise UsageError(
            f"{folder.path} isn't sealed, so no copy of it is; enter those that are made after sealing"
        )
    if sealed and kind not in OF_FOLDER:
        raise UsageError(
            f"a copy of kind {kind} can be read without the keyring; these can't if they were made of the sealed "
            f"model: {', '.join(sorted(OF_FOLDER))}"
        )
    copy_id = secrets.token_hex(16)
    entry = copy_entry(kind, place, expires=expires, delete=delete, sealed=sealed)
    # the place can reveal something, so the ledger gets a digest under a key that nobody keeps
    facts = {"copy": copy_id, "kind": kind, "place": keyed_digest(new_key(), place)}
    folder.commit("copy", {**facts, "known": True}, copies={**folder.manifest.copies, copy_id: entry})
    return copy_id


def copy_entry(
    kind: str,
    place: str,
    *,
    expires: str | None = None,
    delete: bool = False,
    sealed: bool = False,
    key: str | None = None,
) -> dict[str, Any]:
    """Return how the list of copies holds one, with its time; arguments as in `add_copy`.

    `key`: the owner of the key, see `side_key`, by which the copy's files are encrypted, which is destroyed with it.
    """
    entry = {"kind": kind, "place": place, "time": now(), "expires": expires}
    return {**entry, "sealed": sealed, "delete": delete, **({} if key is None else {"key": key})}


def note_key(folder: ModelFolder, copy_id: str, owner: str) -> None:
    """Note the owner of the key that is destroyed with a listed copy; before it is made, so that none is left over."""
    copy = {**folder.manifest.copies[copy_id], "key": owner}
    facts = {"copy": copy_id, "known": True}
    folder.commit("copy", facts, copies={**folder.manifest.copies, copy_id: copy})


def remove_copy(folder: ModelFolder, copy_id: str) -> None:
    """Remove a copy that no longer exists from the list, and its key; raises `UsageError` for an unknown id."""
    left = dict(folder.manifest.copies)
    copy = left.pop(copy_id, None)
    if copy is None:
        raise UsageError(f"the model has no copy {copy_id!r}; see: preforget copies MODEL")
    if "key" in copy and not _is_there(Path(copy["place"])):  # whoever deleted it may have left its key
        with contextlib.suppress(IntegrityError):  # one that was made for another place is not of this copy
            _destroy_key(folder, copy)
    folder.commit("copy", {"copy": copy_id, "known": False}, copies=left)


def account_for_copies(folder: ModelFolder, gone: Mapping[str, str], *, delete: bool) -> list[dict[str, Any]]:
    """Say of each known copy what became of it, without its place; with `delete`, delete those that are listed for it.

    `gone`: ids of the records that are destroyed, with the digests of their files. A copy that can't be looked at or
    deleted is reported as such, and stops nothing. Since anybody may have written the folder's list, nothing is
    deleted unless the caller asks for it.
    """
    statuses = []
    for copy_id, copy in sorted(folder.manifest.copies.items()):
        try:
            status = _status_of(folder, copy, gone, delete)
        except (OSError, ValueError) as error:  # ValueError: no path at all
            why = getattr(error, "strerror", None) or "refused"
            status = _status("out of our control", f"it can't be looked at or deleted: {why}")
        statuses.append({"id": copy_id, "kind": copy["kind"], **status})
    return statuses


def _status_of(
    folder: ModelFolder, copy: dict[str, Any], gone: Mapping[str, str], delete: bool
) -> dict[str, str]:
    """Return what became of one copy, after deleting it where that is allowed; raises `OSError`."""
    path = Path(copy["place"])
    if path.is_absolute():
        if not _is_there(path):
            if delete and copy["delete"]:  # whoever deleted it may have left its key
                _destroy_key(folder, copy)
            return _status("not present", "nothing lies at its place on this machine now")
        if copy["delete"] and delete:
            return _delete(folder, copy, path)
        status = _status_of_folder(folder, path, copy["kind"], gone)
        if status is not None:
            return status
    if copy["sealed"] and copy["kind"] in OF_FOLDER and not (path.is_absolute() and path.is_dir()):
        return _status(
            "removed",
            "entered as a copy of the sealed model, not looked into: its records are encrypted, their keys destroyed",
        )
    if copy["expires"] is not None and copy["expires"] >= now()[:10]:
        return _status("scheduled", f"to be deleted on {copy['expires']}; until then it holds the records")
    if copy["delete"]:
        return _status(
            "out of our control",
            "it is listed as to be deleted, and lies there still: only --delete-copies, in an erasure that isn't "
            "interrupted, deletes it; it holds the records until somebody does",
        )
    return _status("out of our control", "it holds the records until somebody deletes it")


def _delete(folder: ModelFolder, copy: dict[str, Any], path: Path) -> dict[str, str]:
    near = _too_near(folder, path)
    if near:  # the model was moved there since
        return _status("out of our control", f"it was not deleted, since {near} lies there now")
    if path.is_symlink():
        path.unlink()
        return _status("out of our control", "only a link was there, which is deleted")
    _destroy_key(folder, copy)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    return _status("removed", "deleted as a whole")


def _destroy_key(folder: ModelFolder, copy: dict[str, Any]) -> None:
    """Destroy the key that the list names; never one that a file of the copy names, which anybody may put there."""
    if "key" in copy and folder.manifest.sealed:  # anybody may have written the list of another model
        destroy_owned(copy["key"], folder.keyring, Path(copy["place"]))


def _status_of_folder(
    folder: ModelFolder, path: Path, kind: str, gone: Mapping[str, str]
) -> dict[str, str] | None:
    """Return what became of a copy that is a model folder on this machine; None if it is something else."""
    if not (path.is_dir() and (path / RECORDS).is_dir()):
        return None
    names = {path.name for path in (path / RECORDS).iterdir()}
    try:
        packed = slots_in_copy(path, gone)
    except StoreError:
        return None
    if not packed and not any(
        record_name(i, sealed).split("/")[1] in names for i in gone for sealed in (True, False)
    ):
        there = {name.partition(".")[0] for name in names} | ids_in_copy(path)
        if _may_hold_others(folder, path, there, set(gone)):
            return None
        return _status("not present", "it holds none of these records")
    if any(record_name(i, False).split("/")[1] in names for i in gone):
        return None
    try:
        ours = Manifest.read(path).model == folder.manifest.model and folder.manifest.sealed
        for record_id, digest in gone.items():
            name = record_name(record_id, True)
            if name.split("/")[1] in names:
                read_checked(path / name, digest)  # another file may be encrypted with another key
            if any(bytes_digest(slot) != digest for slot in packed.get(record_id, [])):
                return None
    except StoreError:
        return None
    if not ours or kind not in OF_FOLDER:
        return None
    return _status("removed", "its records are encrypted, and their keys are destroyed")


def _may_hold_others(folder: ModelFolder, path: Path, there: set[str], gone: set[str]) -> bool:
    """Tell whether a folder without the records that go may hold the same classes in others, by whose ids nobody knows.

    So it is with a copy from before they were learned anew or renamed, here or there. Not if the model had all that is
    there, or if no key opens it, or if the copy's own ledger calls erased what it had of the records that go.
    """
    unknown = there - set(folder.live) - set(folder.ledger.erased())
    if not unknown:
        return False
    try:
        if folder.keys is not None and Manifest.read(path).sealed and not folder.keys.holding(unknown):
            return not unknown <= folder.keys.destroyed_of(unknown)
        other = Ledger(SqliteLedger(path / LEDGER), Manifest.read(path).model)
        had = ids_of(other) & gone
        return not had or not had <= set(other.erased())
    except (StoreError, UsageError):
        return True


def _too_near(folder: ModelFolder, path: Path) -> str:
    """Return what of the model goes with this path, or nothing; raises `UsageError` for what is no path."""
    try:
        target = path.resolve()
        for what, needed in (
            ("the model", folder.path.resolve()),
            ("the keyring", Path(folder.keyring.place).resolve()),
        ):
            if target.is_relative_to(needed) or needed.is_relative_to(target):
                return what
    except OSError as error:
        raise UsageError(f"{path} is no place of a copy: {error.strerror or error}") from error
    return ""


def _is_there(path: Path) -> bool:
    """Tell whether anything lies there, even a broken link; raises `OSError` where that can't be known."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _status(status: str, detail: str) -> dict[str, str]:
    return {"status": status, "detail": detail}
