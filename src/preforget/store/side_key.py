"""A key in the keyring for files that know as much as a model does: an audit's or a benchmark's work, a checkpoint.

Who destroys the key has destroyed the files, wherever copies of them lie.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from preforget.core.canonical import canonical_json
from preforget.core.errors import IntegrityError
from preforget.core.files import read_regular, write_atomic
from preforget.store.key_service import Keyring, place_of
from preforget.store.sealing import SEALED, new_key, seal, unseal

MARK = "key.json"
"""The file of a folder that says by which key its files are encrypted."""

AUDIT, BENCH, LEARNING = "audit", "bench", "learning"
OWNER = re.compile(rf"(?:{AUDIT}|{BENCH}|{LEARNING})-([0-9a-f]{{32}})")
"""The name in the keyring under which such a key lies."""

FILE = re.compile(rf"([0-9a-f]{{32}}){re.escape(SEALED)}")
"""The name of a sealed checkpoint, which says its key."""


@dataclass(frozen=True)
class SideKey:
    """Encrypts and decrypts files by their names; `owner`: what the key is for, as the keyring knows it."""

    owner: str
    key: bytes = field(repr=False)

    def lock(self, name: str, content: bytes) -> bytes:
        """Return the content encrypted; nothing else can take its place."""
        return seal(content, self.key, model=self.owner, record=name)

    def unlock(self, name: str, content: bytes) -> bytes | None:
        """Return what was encrypted under that name, None for anything else."""
        try:
            return unseal(content, self.key, model=self.owner, record=name)
        except IntegrityError:
            return None


def passing_key() -> SideKey:
    """Return a key that no keyring has: what it encrypts can't be read once this process and its children end."""
    return SideKey(f"{AUDIT}-{secrets.token_hex(16)}", new_key())


def key_of(folder: Path, keyring: Keyring) -> SideKey | None:
    """Return the key that a folder's mark names, None if there is no mark or the keyring doesn't have it.

    Raises `UsageError` if the keyring can't be opened.
    """
    owner = owner_of(folder)
    if owner is None:
        return None
    record = _id(owner)
    try:
        return SideKey(owner, keyring.model(owner).get([record])[record])
    except IntegrityError:
        return None


def new_owner(what: str = AUDIT) -> str:
    """Return a name under which the keyring has nothing yet."""
    return f"{what}-{secrets.token_hex(16)}"


def begin_key(folder: Path, keyring: Keyring, what: str = AUDIT, *, owner: str | None = None) -> SideKey:
    """Make a key for the files of a folder: first the mark, so that whoever finds the folder knows of the key.

    `owner`: a name from `new_owner`, where it was noted somewhere before.
    """
    owner = new_owner(what) if owner is None else owner
    write_atomic(folder / MARK, canonical_json({"key": owner}))
    return SideKey(owner, keyring.model(owner).create([_id(owner)], place_of(folder))[_id(owner)])


def destroy_key(place: Path, keyring: Keyring) -> None:
    """Destroy the key of a folder with a mark or of a sealed checkpoint; nothing to do for any other place.

    Raises as `destroy_owned`.
    """
    owner = owner_of(place)
    if owner is not None:
        destroy_owned(owner, keyring, place)


def destroy_owned(owner: str, keyring: Keyring, place: Path) -> None:
    """Destroy the key of that name; nothing to do if it is gone, or if no such key could have the name.

    Raises `IntegrityError`, and destroys nothing, if it was made for another place than this, which the keyring knows:
    names of keys lie in folders, where anybody may have put them. Raises `StoreError` or `UsageError` if the keyring
    can't be opened or changed.
    """
    if OWNER.fullmatch(owner):
        keyring.model(owner).withdraw([_id(owner)], place_of(place))


def keys_made_for(folder: Path, keyring: Keyring, what: str) -> list[SideKey]:
    """Return the keys of a kind that were made for a folder, whatever its mark says."""
    owners = [i for i in keyring.models() if OWNER.fullmatch(i) and i.startswith(what)]
    at = [i for i in owners if keyring.model(i).made_for() == place_of(folder)]
    return [SideKey(i, keyring.model(i).get([_id(i)])[_id(i)]) for i in at]


def owner_of(place: Path) -> str | None:
    """Return the name of the key by which a folder's files, or a checkpoint, are encrypted; None if by none."""
    match = FILE.fullmatch(place.name)
    if match is not None:
        return f"{LEARNING}-{match[1]}"
    try:
        values = json.loads(read_regular(place / MARK, 2**16))
    except (OSError, ValueError):
        return None
    owner = values.get("key") if isinstance(values, dict) else None
    return owner if isinstance(owner, str) and OWNER.fullmatch(owner) else None


def _id(owner: str) -> str:
    match = OWNER.fullmatch(owner)
    return "" if match is None else match[1]
