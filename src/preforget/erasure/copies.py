"""Known copies of a model elsewhere: what becomes of each when something is forgotten."""

from __future__ import annotations

import re
import secrets
import shutil
from pathlib import Path
from typing import Any

from preforget.core.clock import now
from preforget.core.errors import UsageError
from preforget.store import ModelFolder
from preforget.store.sealing import keyed_digest, new_key

KINDS = ("export", "hub", "onnx", "checkpoint", "cache", "replica", "backup")
OF_FOLDER = frozenset({"export", "hub", "replica", "backup"})
"""Kinds that are the model folder itself: of a sealed model they are unreadable once the key is gone."""


def add_copy(
    folder: ModelFolder, kind: str, place: str, *, expires: str | None = None, delete: bool = False
) -> str:
    """Enter a copy into the model's list and return its id.

    `place`: a path, an address or a name; `expires`: the day (`2027-01-31`) on which it will be deleted; `delete`:
    delete the file or folder there when something is forgotten. Raises `UsageError`, `StoreError`.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown kind of copy {kind!r}; choose one of: {', '.join(KINDS)}")
    if not place or len(place) > 4096 or not place.isprintable():
        raise UsageError("the place of a copy must be one line of text")
    if expires is not None and not re.fullmatch(r"\d{4}-\d\d-\d\d", expires):
        raise UsageError(f"{expires!r} is no day; write it like 2027-01-31")
    if delete and (kind in {"hub", "backup"} or not Path(place).is_absolute()):
        raise UsageError("only a file or folder on this machine can be deleted; give its whole path")
    if delete and Path(place).resolve() in (folder.path.resolve(), *folder.path.resolve().parents):
        raise UsageError("that is the model's own place; name a copy elsewhere")
    copy_id = secrets.token_hex(16)
    entry = {
        "kind": kind,
        "place": place,
        "time": now(),
        "expires": expires,
        "sealed": folder.manifest.sealed,
        "delete": delete,
    }
    # the place can be telling, so the ledger gets a digest under a key that nobody keeps
    facts = {"copy": copy_id, "kind": kind, "place": keyed_digest(new_key(), place)}
    folder.commit("copy", {**facts, "known": True}, copies={**folder.manifest.copies, copy_id: entry})
    return copy_id


def remove_copy(folder: ModelFolder, copy_id: str) -> None:
    """Take a copy that is no more out of the list; raises `UsageError` for an unknown id."""
    left = dict(folder.manifest.copies)
    if left.pop(copy_id, None) is None:
        raise UsageError(f"the model has no copy {copy_id!r}; see: preforget copies MODEL")
    folder.commit("copy", {"copy": copy_id, "known": False}, copies=left)


def settle_copies(folder: ModelFolder, gone: set[str]) -> list[dict[str, Any]]:
    """Delete the copies that are to be deleted, and say of each known copy what became of it; no places.

    `gone`: ids of the records that are destroyed.
    """
    return [
        {"id": copy_id, "kind": copy["kind"], **_settle(copy, gone)}
        for copy_id, copy in sorted(folder.manifest.copies.items())
    ]


def _settle(copy: dict[str, Any], gone: set[str]) -> dict[str, str]:
    place = Path(copy["place"])
    here = place.is_absolute()
    if here and copy["delete"] and place.exists():
        try:
            shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()
        except OSError as error:
            return _status("out of our control", f"it could not be deleted: {error.strerror or error}")
        return _status("removed", "deleted as a whole")
    if here and not place.exists():
        return _status("not present", "there is nothing at its place")
    if here and (place / "records").is_dir() and not any(_holds(place, i) for i in gone):
        return _status("not present", "it holds none of these records")
    if copy["sealed"] and copy["kind"] in OF_FOLDER:
        return _status("removed", "its records are encrypted, and their keys are destroyed")
    if copy["expires"] is not None:
        return _status("scheduled", f"to be deleted on {copy['expires']}; until then it holds the records")
    return _status("out of our control", "it holds the records until somebody deletes it")


def _holds(place: Path, record_id: str) -> bool:
    return any((place / "records").glob(f"{record_id}.*"))


def _status(status: str, detail: str) -> dict[str, str]:
    return {"status": status, "detail": detail}
