"""The interface of keyrings: a folder, the environment or a key service."""

from __future__ import annotations

import hashlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from preforget.core.errors import IntegrityError, UsageError
from preforget.core.registry import Registry
from preforget.store.head import Head
from preforget.store.passphrase import Passphrase
from preforget.store.signing import SigningKeys

MODEL_ID = re.compile(r"[0-9a-z](?:[0-9a-z-]{0,62}[0-9a-z])?")
"""What can be a file name on any system."""

RECORD_ID = re.compile(r"[0-9a-f]{32}")
_HEX_DIGITS = "0123456789abcdef"

NO_ERASURE = "0" * 32
"""Under this id keys are destroyed with a record that was replaced, and those of which nobody knows the erasure."""


class ModelKeys(ABC):
    """The data keys of one model by record id (32 hex digits), and what must outlast its folder.

    `model` is the model's id, `place` the keyring for messages, `writable` whether keys can be made and destroyed.
    Every method raises `StoreError` if the place can't be read or written, `IntegrityError` if it was changed.
    """

    model: str
    place: str
    writable: bool

    @abstractmethod
    def get(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Return the 32-byte keys of records; raises `IntegrityError` for one that is destroyed or not here."""

    @abstractmethod
    def holding(self, ids: Iterable[str]) -> set[str]:
        """Return those of some record ids that have a key."""

    @abstractmethod
    def made_for(self) -> str:
        """Return what `create` noted of the place for which keys were made, empty if nothing is noted."""

    @abstractmethod
    def create(self, ids: Iterable[str], made_for: str = "") -> dict[str, bytes]:
        """Make a key for each record in one write, durable on return.

        `made_for`: the place where the attempt that needs them is at work, as `place_of` returns it; noted until the
        first head is. The keys can be withdrawn only from there: whoever plants a leftover elsewhere takes no keys.
        Raises `UsageError` for an id that has a key, `IntegrityError` for one whose key was destroyed.
        """

    @abstractmethod
    def destroy(self, ids: Iterable[str], erasure: str, head: Head | None = None) -> int:
        """Destroy keys in one write, durable on return, and return how many were there.

        Each id keeps the id of its first erasure as a tombstone, also one that had no key, so that it never gets one.
        `head` is noted in the same write. Doing it again changes nothing.
        """

    @abstractmethod
    def destroyed(self) -> dict[str, str]:
        """Return the tombstones: record id -> erasure id."""

    def destroyed_of(self, ids: Iterable[str]) -> set[str]:
        """Return those of some record ids that have a tombstone; a keyring with many may know a faster way."""
        return self.destroyed().keys() & set(ids)

    @abstractmethod
    def pending(self) -> set[str]:
        """Return the ids whose keys were made since the ledger's end was last noted.

        No finished change lives by them: such a key may be destroyed if the change is undone.
        """

    @abstractmethod
    def head(self) -> Head | None:
        """Return where the model's ledger was last known to end, None if that was never noted."""

    @abstractmethod
    def note_head(self, head: Head) -> None:
        """Note where the ledger ends, durable on return; raises `IntegrityError` if that is behind what is noted."""

    @abstractmethod
    def follow_restored(self, head: Head, ids: Iterable[str], erasure: str) -> None:
        """Note where a restored folder's ledger ends, whatever is noted, and destroy keys as `destroy`, in one write.

        Only when a user restores an older model folder on purpose.
        """

    @abstractmethod
    def begin(self, ids: Iterable[str], earlier: Iterable[str] = ()) -> dict[str, bytes]:
        """Return keys for the first sealing of a model: those of a cut off attempt, or new ones, in one write.

        `earlier`: ids that such an attempt may have had beside `ids`. Keys are taken over and never replaced. Raises
        `IntegrityError`, and changes nothing, if there is anything else, such as a head: a model lives by it.
        """

    @abstractmethod
    def withdraw(self, ids: Iterable[str], made_for: str = "") -> None:
        """Remove the keys of `ids` that an attempt of one's own left which came to nothing.

        Raises `IntegrityError`, and changes nothing, if there is a tombstone, another id or a head: then a model lives
        by what is here; and if the keys were made for another place.
        """


class Keyring(ABC):
    """The keys of several models, and the keys that sign receipts. `place` names it in messages."""

    place: str

    @abstractmethod
    def model(self, model_id: str) -> ModelKeys:
        """Return the keys of one model, none for one that isn't here yet; raises `UsageError` for a malformed id."""

    @abstractmethod
    def models(self) -> list[str]:
        """Return the ids of the models that have something here, sorted."""

    @property
    @abstractmethod
    def signing(self) -> SigningKeys:
        """The keys that sign receipts; raises `UsageError` where the place can't hold any."""


KEYRINGS: Registry[Callable[[str, Passphrase | None], Keyring]] = Registry("keyring")
"""Kinds of keyrings by the word before the colon; each is called with what follows the colon."""


def check_model_id(model_id: str) -> str:
    """Return a model id that fits `MODEL_ID`; raises `UsageError` for another."""
    if MODEL_ID.fullmatch(model_id) is None:
        raise UsageError(
            f"{model_id!r} is no model id; it is of lower-case letters, digits and inner hyphens"
        )
    return model_id


def place_of(path: Path) -> str:
    """Return what a keyring notes of a place: a digest of its whole path, in which links but the last are followed."""
    return hashlib.sha256(os.fsencode(path.parent.resolve() / path.name)).hexdigest()


def check_record_ids(ids: Iterable[str]) -> list[str]:
    """Return record ids without repetition, in order; raises `UsageError` for one that isn't 32 hex digits."""
    if isinstance(ids, str):
        raise UsageError(f"a list of record ids is needed, not the text {ids!r}")
    unique = list(dict.fromkeys(ids))
    if set(map(len, unique)) <= {32} and not "".join(unique).strip(_HEX_DIGITS):
        return unique  # of a hundred thousand, in a tenth of the time that the expression takes
    for record_id in unique:
        if RECORD_ID.fullmatch(record_id) is None:
            raise UsageError(f"{record_id!r} is no record id; it has 32 hex digits in lower case")
    return unique


def check_erasure_id(erasure: str) -> str:
    """Return an erasure id of up to 128 plain characters; raises `UsageError` for another."""
    if re.fullmatch(r"[0-9A-Za-z._:-]{1,128}", erasure) is None:
        raise UsageError(f"{erasure!r} is no erasure id; it is of letters, digits, and any of . _ : -")
    return erasure


def later_head(noted: Head | None, head: Head | None, place: str) -> Head | None:
    """Return the head that is to be noted; raises `IntegrityError` for one that doesn't follow the noted one."""
    if head is None or noted is None:
        return head or noted
    if head.seq < noted.seq or (head.seq == noted.seq and head.hash != noted.hash):
        raise IntegrityError(
            f"the ledger ends with row {head.seq}, which is not what follows row {noted.seq} that {place} has noted: "
            "the model folder is an old copy or was changed; use the latest one"
        )
    return head


def check_has_keys(
    ids: Iterable[str], keys: Mapping[str, object], destroyed: Mapping[str, str], place: str
) -> None:
    """Raise `IntegrityError` for the first id without key, which says whether it was destroyed or is elsewhere."""
    for record_id in ids:
        if record_id in keys:
            continue
        if record_id in destroyed:
            raise IntegrityError(
                f"the key of record {record_id} was destroyed by erasure {destroyed[record_id]}: "
                "nothing can open the record again; delete its file"
            )
        raise IntegrityError(
            f"the key of record {record_id} is not in the keyring {place}; give the right one with --keyring"
        )
