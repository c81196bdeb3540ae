"""A keyring that is a folder: one private file per model, replaced as a whole at every change.

What destroying a key promises: the file that names it is replaced by one that doesn't, and no file of the folder holds
it any more. What it can't promise: the blocks of the replaced file may keep their bytes until the file system uses them
again, longer on journaling or copy-on-write file systems and on flash storage, which writes elsewhere and wipes later;
and snapshots, backups and hard links of the folder keep what they copied. So put the keyring on an encrypted disk, give
it a passphrase, and keep its backups apart and short. Memory is freed, not wiped.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preforget.core.errors import IntegrityError, UsageError
from preforget.core.files import sync_folder, write_atomic
from preforget.store.head import Head
from preforget.store.key_service import (
    MODEL_ID,
    Keyring,
    ModelKeys,
    check_erasure_id,
    check_has_keys,
    check_is_attempt,
    check_made_for,
    check_model_id,
    check_record_ids,
    later_head,
)
from preforget.store.keyring_lock import LOCK, KeyringLock, as_lock, is_locked, no_passphrase
from preforget.store.passphrase import Passphrase
from preforget.store.private_file import cannot_read, changing, read_private
from preforget.store.sealing import new_key

if TYPE_CHECKING:
    from preforget.store.signing import SigningKeys

KEYS, SIGNING, CURRENT = ".keys", "signing", "current.pem"
FORMAT = 1


@dataclass(frozen=True)
class _State:
    """What a key file holds; keys stay base64, so that those which nobody asks for are not decoded."""

    model: str
    keys: dict[str, str] = field(default_factory=dict)
    destroyed: dict[str, str] = field(default_factory=dict)
    head: Head | None = None
    pending: frozenset[str] = frozenset()
    made_for: str = ""


class FileModelKeys(ModelKeys):
    """The keys of one model in `<model id>.keys`, canonical JSON with a checksum, encrypted if there is a passphrase.

    The file is read again for every call, since other processes change it too. One without encryption is encrypted at
    the next change after a passphrase was given.
    """

    writable = True

    def __init__(self, folder: Path, model: str, passphrase: KeyringLock | Passphrase | None = None) -> None:
        self.model, self.place, self.path = model, str(folder), folder / f"{model}{KEYS}"
        self._folder = folder
        self._lock = as_lock(folder, passphrase)
        self._prepare = self._lock.ready if self._lock else None
        self._seen: tuple[bytes, _State] | None = None

    def get(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Return the 32-byte keys of records; raises `IntegrityError` for one that is destroyed or not here."""
        ids, state = check_record_ids(ids), self._read()
        check_has_keys(ids, state.keys, state.destroyed, self.place)
        return {i: base64.b64decode(state.keys[i]) for i in ids}

    def holding(self, ids: Iterable[str]) -> set[str]:
        """Return those of some record ids that have a key."""
        return set(check_record_ids(ids)) & self._read().keys.keys()

    def made_for(self) -> str:
        """Return what `create` noted of the place for which keys were made, empty if nothing is noted."""
        return self._read().made_for

    def create(self, ids: Iterable[str], made_for: str = "") -> dict[str, bytes]:
        """Make a key for each record in one write, durable on return."""
        created = {i: new_key() for i in check_record_ids(ids)}
        if not created:
            return {}
        with changing(self._folder, self._prepare):
            state = self._read()
            for i in created:
                if i in state.keys:
                    raise UsageError(
                        f"record {i} has a key in the keyring {self.place}; a new record needs a new id"
                    )
                if i in state.destroyed:
                    raise IntegrityError(
                        f"the key of record {i} was destroyed by erasure {state.destroyed[i]}; use a new id"
                    )
            added = {i: base64.b64encode(key).decode() for i, key in created.items()}
            keys, pending = {**state.keys, **added}, state.pending | added.keys()
            self._write(replace(state, keys=keys, pending=pending, made_for=made_for or state.made_for))
        return created

    def destroy(self, ids: Iterable[str], erasure: str, head: Head | None = None) -> int:
        """Destroy keys in one write, durable on return, and return how many were there; see the module for the limits.

        Raises `IntegrityError`, and destroys nothing, if `head` is behind the head that is noted.
        """
        gone = dict.fromkeys(check_record_ids(ids), check_erasure_id(erasure))
        with changing(self._folder, self._prepare):
            state = self._read()
            changed = _without(state, gone, later_head(state.head, head, str(self.path)))
            self._change(state, changed)
        return len(state.keys) - len(changed.keys)

    def destroyed(self) -> dict[str, str]:
        """Return the tombstones: record id -> erasure id."""
        return dict(self._read().destroyed)

    def pending(self) -> set[str]:
        """Return the ids whose keys were made since the ledger's end was last noted."""
        return set(self._read().pending)

    def head(self) -> Head | None:
        """Return where the model's ledger was last known to end, None if that was never noted."""
        return self._read().head

    def note_head(self, head: Head) -> None:
        """Note where the ledger ends, durable on return; raises `IntegrityError` if that is behind what is noted."""
        with changing(self._folder, self._prepare):
            state = self._read()
            head = later_head(state.head, head, str(self.path)) or head
            self._change(state, replace(state, head=head, pending=frozenset(), made_for=""))

    def follow_restored(self, head: Head, ids: Iterable[str], erasure: str) -> None:
        """Note where a restored folder's ledger ends, whatever is noted, and destroy keys as `destroy`, at once."""
        gone = dict.fromkeys(check_record_ids(ids), check_erasure_id(erasure))
        with changing(self._folder, self._prepare):
            state = self._read()
            self._change(state, replace(_without(state, gone, head), pending=frozenset()))

    def begin(self, ids: Iterable[str], earlier: Iterable[str] = ()) -> dict[str, bytes]:
        """Return keys for the first sealing of a model: those of an attempt that was cut off, or new ones.

        Since keys are taken over, two processes that seal two copies at once have the same ones, and the second fails
        at the head.
        """
        wanted = check_record_ids(ids)
        with changing(self._folder, self._prepare):
            state = self._read()
            own = {*wanted, *earlier}
            check_is_attempt(state.keys, state.destroyed, state.head, own, str(self.path))
            made = {i: base64.b64encode(new_key()).decode() for i in wanted if i not in state.keys}
            keys = {**state.keys, **made}
            self._change(state, replace(state, keys=keys, pending=state.pending | made.keys()))
        return {i: base64.b64decode(keys[i]) for i in wanted}

    def withdraw(self, ids: Iterable[str], made_for: str = "") -> None:
        """Remove the file of a model that was never finished, if it holds nothing but what that attempt left."""
        own = check_record_ids(ids)
        if os.path.lexists(self.path):
            with changing(self._folder, self._prepare):
                state = self._read()
                check_is_attempt(state.keys, state.destroyed, state.head, own, str(self.path))
                check_made_for(state.made_for, made_for, self.model, self.place)
                self.path.unlink(missing_ok=True)
                sync_folder(self._folder)

    def encrypt(self) -> None:
        """Write the file again, if there is one, as the keyring's lock encrypts it."""
        with changing(self._folder, self._prepare):
            if os.path.lexists(self.path):
                self._write(self._read())

    def _change(self, old: _State, new: _State) -> None:
        if new != old:
            self._write(new)
        elif self.path.exists():
            sync_folder(self._folder)  # a process that wrote it may have been killed before it came to this

    def _read(self) -> _State:
        content = read_private(self.path)
        if content is None:
            return _State(self.model)
        if self._seen is not None and self._seen[0] == content:
            return self._seen[1]
        plain = content
        if is_locked(content):
            if self._lock is None:
                raise no_passphrase(self.path)
            plain = self._lock.unlock(content, self.model, self.path)
        state = _decode(plain, self.model, self.path)
        self._seen = content, state
        return state

    def _write(self, state: _State) -> None:
        content = _encode(state)
        if self._lock is not None:
            content = self._lock.lock(content, self.model)
        write_atomic(self.path, content)
        self._seen = content, state


class FileKeyring(Keyring):
    """A folder of mode 0700 with one key file per model and the signing keys; made when something is written.

    With a passphrase all that is written is encrypted. Without one, `question` is asked for what is encrypted already,
    and for a new file among such. `accept`: see `KeyringLock`.
    """

    def __init__(
        self,
        folder: Path,
        passphrase: Passphrase | None = None,
        question: Passphrase | None = None,
        accept: Callable[[str], None] | None = None,
    ) -> None:
        self.folder = folder.absolute()  # still the same folder when the process walks elsewhere
        self.place = str(self.folder)
        self._accept = accept
        self._given = KeyringLock(self.folder, passphrase, self._check) if passphrase else None
        self._asked = KeyringLock(self.folder, question, self._check) if question else None
        self._models: dict[str, FileModelKeys] = {}

    @property
    def encrypted(self) -> bool:
        """Whether a passphrase is needed to read any of the keys that are here."""
        return os.path.lexists(self.folder / LOCK) or any(map(_is_encrypted, self._files()))

    def model(self, model_id: str) -> ModelKeys:
        """Return the keys of one model, none for one that isn't here yet."""
        if model_id not in self._models:
            path = self.folder / f"{check_model_id(model_id)}{KEYS}"
            self._models[model_id] = FileModelKeys(self.folder, model_id, self._lock_for(path))
        return self._models[model_id]

    def models(self) -> list[str]:
        """Return the ids of the models that have a key file, sorted."""
        try:
            names = [path.stem for path in self.folder.iterdir() if path.suffix == KEYS]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise cannot_read(self.folder, error) from error
        return sorted(filter(MODEL_ID.fullmatch, names))

    @functools.cached_property
    def signing(self) -> SigningKeys:
        """The keys that sign receipts."""
        from preforget.store.signing import SigningKeys

        return SigningKeys(self.folder / SIGNING, self._lock_for(self.folder / SIGNING / CURRENT))

    def change_passphrase(self, new: Passphrase) -> None:
        """Let a new passphrase open everything here, and the one so far nothing; encrypt what isn't encrypted yet.

        Killed at any point, the passphrase so far opens everything, or the new one does: of a keyring that had none,
        the new one. The same call ends what was cut off. Raises `IntegrityError` for a wrong passphrase.
        """
        had_one, lock = self.encrypted, self._given or self._asked
        ended = KeyringLock(self.folder, new, self._check)
        # in the second case the same change was cut off before
        if not had_one or (ended.opens() and (lock is None or not lock.opens())):
            lock = ended
        if lock is None:
            raise no_passphrase(self.folder)
        lock.ready()
        if not had_one:
            self._encrypt_all(lock)
        else:
            if self._accept is not None:
                self._accept(new())
            lock.change(new, functools.partial(self._encrypt_all, lock))
        self._given, self._models = KeyringLock(self.folder, new), {}
        vars(self).pop("signing", None)

    def _encrypt_all(self, lock: KeyringLock) -> None:
        """Write every file of keys once more, as a lock encrypts it."""
        from preforget.store.signing import SigningKeys

        for model in self.models():
            FileModelKeys(self.folder, model, lock).encrypt()
        SigningKeys(self.folder / SIGNING, lock).encrypt()

    def _files(self) -> list[Path]:
        files = [self.folder / f"{model}{KEYS}" for model in self.models()]
        return [*files, self.folder / SIGNING / CURRENT]

    def _lock_for(self, path: Path) -> KeyringLock | None:
        """Return what opens and encrypts a file; without a passphrase, a new file among encrypted ones is refused."""
        if self._given is not None:
            return self._given
        needed = _is_encrypted(path) if os.path.lexists(path) else self.encrypted
        if needed and self._asked is not None:
            return self._asked
        if self.encrypted and not os.path.lexists(path):
            return KeyringLock(self.folder, self._refuse)
        return None

    def _refuse(self) -> str:
        raise UsageError(
            f"the keyring {self.place} is encrypted; set PREFORGET_PASSPHRASE, or answer the question at a terminal"
        )

    def _check(self, passphrase: str) -> None:
        """Raise `IntegrityError` unless a passphrase opens what older versions have encrypted; ask `accept` if none."""
        old = next(filter(_is_encrypted, self._files()), None)
        if old is None:
            if self._accept is not None:
                self._accept(passphrase)
        elif old.suffix == KEYS:
            FileModelKeys(self.folder, old.stem, lambda: passphrase).head()
        else:
            from preforget.store.signing import SigningKeys

            SigningKeys(self.folder / SIGNING, lambda: passphrase).current()


def _without(state: _State, gone: dict[str, str], head: Head | None) -> _State:
    """Return a state with another head, in which the keys of `gone`, with the ids of their erasures, are destroyed."""
    keys = {i: key for i, key in state.keys.items() if i not in gone}
    destroyed = {**gone, **state.destroyed}
    pending = state.pending - gone.keys() if head == state.head else frozenset[str]()
    return replace(state, keys=keys, destroyed=destroyed, head=head, pending=pending)


def _is_encrypted(path: Path) -> bool:
    return is_locked(read_private(path))


def _encode(state: _State) -> bytes:
    values = {
        "format": FORMAT,
        "model": state.model,
        "head": state.head.as_dict() if state.head else None,
        "keys": state.keys,
        "destroyed": state.destroyed,
        **({"pending": sorted(state.pending)} if state.pending else {}),  # not in files of earlier versions
        **({"made_for": state.made_for} if state.made_for else {}),
    }
    # the same bytes as canonical_json, since all is plain ASCII, in a tenth of its time
    rest = json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
    return b'{"checksum":"sha256:%s",%s' % (hashlib.sha256(rest).hexdigest().encode(), rest[1:])


def _decode(content: bytes, model: str, path: Path) -> _State:
    try:
        values = json.loads(content)
        if isinstance(values, dict) and values.get("format") != FORMAT:
            raise IntegrityError(
                f"{path} has format {values.get('format')!r}, this version of preforget reads format {FORMAT}"
            )
        state = _state(values)
        if _encode(state) != content:
            raise ValueError("its checksum doesn't fit")
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError, UsageError) as error:
        reason = "it is no JSON" if isinstance(error, json.JSONDecodeError | UnicodeError) else str(error)
        raise IntegrityError(
            f"{path} is not what was written: {reason}; restore it from a copy, and repeat erasures made since then"
        ) from None
    if state.model != model:
        raise IntegrityError(
            f"{path} holds the keys of another model, {state.model}; put the right file there"
        )
    return state


def _state(values: dict[str, Any]) -> _State:
    """Check the entries of a key file; raises `ValueError` or the like."""
    if set(values) - {"pending", "made_for"} != {"checksum", "format", "model", "head", "keys", "destroyed"}:
        raise ValueError("entries are missing or unknown")
    keys, destroyed, head = values["keys"], values["destroyed"], values["head"]
    check_model_id(values["model"])
    check_record_ids(keys.keys() | destroyed.keys())
    for erasure in set(destroyed.values()):
        check_erasure_id(erasure)
    if keys.keys() & destroyed.keys():
        raise ValueError("a key is both there and destroyed")
    if not all(re.fullmatch(r"[A-Za-z0-9+/]{43}=", key) for key in keys.values()):
        raise ValueError("a key is no base64 of 32 bytes")
    if head is not None:
        head = Head.parse(f"{head['seq']}:{head['hash']}")
    pending = frozenset(values.get("pending", ()))
    if not pending <= keys.keys():
        raise ValueError("a key is pending that is not there")
    made_for = values.get("made_for", "")
    if not re.fullmatch("(?:[0-9a-f]{64})?", made_for):
        raise ValueError("the place that it was made for is no digest")
    return _State(values["model"], keys, destroyed, head, pending, made_for)
