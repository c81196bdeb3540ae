"""The keys of one model in a keyring that is a folder: one private file, and pages beside it where keys are many.

What destroying a key promises: the file that names it is replaced by one that doesn't, and no file of the folder holds
it any more. What it can't promise: the blocks of the replaced file may keep their bytes until the file system uses them
again, longer on journaling or copy-on-write file systems and on flash storage, which writes elsewhere and wipes later;
and snapshots, backups and hard links of the folder keep what they copied. So put the keyring on an encrypted disk, give
it a passphrase, and keep its backups apart and short. Memory is freed, not wiped.

Of a model that begins with `PAGED_FROM` keys or more, the main file holds the head and no key. Keys and the ids of
destroyed ones lie in 256 pages, by the first digits of the random ids, so that destroying one replaces one small page.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from preforget.core.errors import IntegrityError, UsageError
from preforget.core.files import sync_folder
from preforget.store.authority import check_is_attempt, check_made_for
from preforget.store.head import Head
from preforget.store.key_page import DIGITS, KeyPage, KeyState
from preforget.store.key_service import (
    ModelKeys,
    check_erasure_id,
    check_has_keys,
    check_record_ids,
    later_head,
)
from preforget.store.keyring_lock import KeyringLock, as_lock
from preforget.store.passphrase import Passphrase
from preforget.store.private_file import changing
from preforget.store.sealing import new_key

PAGED_FROM = 2048
"""A model whose first keys are so many gets pages."""

PAGES = [f"{number:0{DIGITS}x}" for number in range(16**DIGITS)]


class FileModelKeys(ModelKeys):
    """The keys of one model in `<model id>.keys` and, where they are many, `<model id>.<digits>.page`.

    What is on disk counts for every call, since other processes change it too. A file without encryption is encrypted
    at its next change after a passphrase was given.
    """

    writable = True

    def __init__(self, folder: Path, model: str, passphrase: KeyringLock | Passphrase | None = None) -> None:
        self.model, self.place = model, str(folder)
        self._folder = folder
        lock = as_lock(folder, passphrase)
        self._prepare = lock.ready if lock else None
        self._main = KeyPage(folder, model, lock)
        self._pages = {digits: KeyPage(folder, model, lock, digits) for digits in PAGES}
        self.path = self._main.path

    def get(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Return the 32-byte keys of records; raises `IntegrityError` for one that is destroyed or not here."""
        ids, states = check_record_ids(ids), self._states()
        keys: dict[str, bytes] = {}
        for page, some in _by_page(ids, states).items():
            state = states[page]
            check_has_keys(some, state.keys, state.destroyed, self.place)
            keys.update((i, base64.b64decode(state.keys[i])) for i in some)
        return {i: keys[i] for i in ids}

    def holding(self, ids: Iterable[str]) -> set[str]:
        """Return those of some record ids that have a key."""
        ids, states = check_record_ids(ids), self._states()
        return {
            i for page, some in _by_page(ids, states).items() for i in states[page].keys.keys() & set(some)
        }

    def made_for(self) -> str:
        """Return what `create` noted of the place for which keys were made, empty if nothing is noted."""
        return self._main.read().made_for

    def create(self, ids: Iterable[str], made_for: str = "") -> dict[str, bytes]:
        """Make a key for each record, durable on return."""
        created = {i: new_key() for i in check_record_ids(ids)}
        if not created:
            return {}
        with changing(self._folder, self._prepare):
            states = self._begun(len(created), made_for)
            for page, some in _by_page(created, states).items():
                state = states[page]
                for i in some:
                    if i in state.keys:
                        raise UsageError(
                            f"record {i} has a key in the keyring {self.place}; a new record needs a new id"
                        )
                    if i in state.destroyed:
                        raise IntegrityError(
                            f"the key of record {i} was destroyed by erasure {state.destroyed[i]}; use a new id"
                        )
            self._add(states, created)
        return created

    def destroy(self, ids: Iterable[str], erasure: str, head: Head | None = None) -> int:
        """Destroy keys, durable on return, and return how many were there; see the module for the limits.

        Raises `IntegrityError`, and destroys nothing, if `head` is behind the head that is noted.
        """
        gone = dict.fromkeys(check_record_ids(ids), check_erasure_id(erasure))
        with changing(self._folder, self._prepare):
            states = self._states(to_change=True)
            later = later_head(states[""].head, head, str(self.path))
            return self._destroy(states, gone, later)

    def destroyed(self) -> dict[str, str]:
        """Return the tombstones: record id -> erasure id."""
        return {i: erasure for state in self._states().values() for i, erasure in state.destroyed.items()}

    def destroyed_of(self, ids: Iterable[str]) -> set[str]:
        """Return those of some record ids that have a tombstone."""
        ids, states = check_record_ids(ids), self._states()
        return {
            i
            for page, some in _by_page(ids, states).items()
            for i in states[page].destroyed.keys() & set(some)
        }

    def pending(self) -> set[str]:
        """Return the ids whose keys were made since the ledger's end was last noted."""
        states = self._states()
        return {i for state in states.values() if state.turn == states[""].turn for i in state.pending}

    def head(self) -> Head | None:
        """Return where the model's ledger was last known to end, None if that was never noted."""
        return self._main.read().head

    def note_head(self, head: Head) -> None:
        """Note where the ledger ends, durable on return; raises `IntegrityError` if that is behind what is noted."""
        with changing(self._folder, self._prepare):
            states = self._states(to_change=True)
            later = later_head(states[""].head, head, str(self.path)) or head
            self._note(states, later, replace(states[""], made_for=""))

    def follow_restored(self, head: Head, ids: Iterable[str], erasure: str) -> None:
        """Note where a restored folder's ledger ends, whatever is noted, and destroy keys as `destroy`."""
        gone = dict.fromkeys(check_record_ids(ids), check_erasure_id(erasure))
        with changing(self._folder, self._prepare):
            states = self._states(to_change=True)
            if states[""].turn is None:
                self._change("", states[""], replace(_without(states[""], gone, head), pending=frozenset()))
            else:
                self._destroy(states, gone, states[""].head)
                self._note(self._states(to_change=True), head, states[""])

    def begin(self, ids: Iterable[str], earlier: Iterable[str] = ()) -> dict[str, bytes]:
        """Return keys for the first sealing of a model: those of an attempt that was cut off, or new ones.

        Since keys are taken over, two processes that seal two copies at once have the same ones, and the second fails
        at the head.
        """
        wanted = check_record_ids(ids)
        with changing(self._folder, self._prepare):
            self._check_is_attempt({*wanted, *earlier})
            states = self._begun(len(wanted))
            held = {
                i for page, some in _by_page(wanted, states).items() for i in some if i in states[page].keys
            }
            self._add(states, {i: new_key() for i in wanted if i not in held})
        return self.get(wanted)

    def withdraw(self, ids: Iterable[str], made_for: str = "") -> None:
        """Remove the files of a model that was never finished, if they hold nothing but what that attempt left."""
        attempt_ids = check_record_ids(ids)
        if os.path.lexists(self.path):
            with changing(self._folder, self._prepare):
                self._check_is_attempt(attempt_ids)
                check_made_for(self._main.read().made_for, made_for, self.model, self.place)
                for page in self._pages.values():
                    page.path.unlink(missing_ok=True)
                self.path.unlink(missing_ok=True)
                sync_folder(self._folder)

    def encrypt(self) -> None:
        """Write the files again, those that are there, as the keyring's lock encrypts them."""
        with changing(self._folder, self._prepare):
            for page in (self._main, *self._pages.values()):
                if os.path.lexists(page.path):
                    page.write(page.read(to_change=True))

    def _states(self, *, to_change: bool = False) -> Mapping[str, KeyState]:
        """Return what the main file, named by no digits, and the pages hold; no page where keys are few."""
        main = self._main.read(to_change=to_change)
        return _States(main, {} if main.turn is None else self._pages, to_change)

    def _begun(self, count: int, made_for: str = "") -> Mapping[str, KeyState]:
        """Return what is there, after noting in the main file what new keys need to be found and withdrawn."""
        main = self._main.read(to_change=True)
        first = main == KeyState(self.model) and count >= PAGED_FROM
        begun = replace(main, made_for=made_for or main.made_for, turn=0 if first else main.turn)
        if begun != main and begun.turn is not None:
            self._main.write(begun)
        return _States(begun, {} if begun.turn is None else self._pages, True)

    def _add(self, states: Mapping[str, KeyState], created: Mapping[str, bytes]) -> None:
        """Add keys to the files in which they belong."""
        turn = states[""].turn
        for page, some in _by_page(created, states).items():
            added = {i: base64.b64encode(created[i]).decode() for i in some}
            old = states[page]
            pending = (old.pending if old.turn == turn else frozenset()) | added.keys()
            self._change(page, old, replace(old, keys={**old.keys, **added}, pending=pending, turn=turn))

    def _destroy(self, states: Mapping[str, KeyState], gone: Mapping[str, str], head: Head | None) -> int:
        """Destroy keys in the files in which they lie, then note a head; return how many there were."""
        count = 0
        for page, some in _by_page(gone, states).items():
            old, lost = states[page], {i: gone[i] for i in some}
            count += len(lost.keys() & old.keys.keys())
            if page:
                self._change(page, old, _without(old, lost, None))
            else:
                self._change(page, old, _without(old, lost, head))
        if states[""].turn is not None and head != states[""].head and head is not None:
            self._note(self._states(to_change=True), head, states[""])
        return count

    def _note(self, states: Mapping[str, KeyState], head: Head, main: KeyState) -> None:
        """Note a head in the main file; no key is pending any more."""
        turn = main.turn
        if turn is not None and (
            head != main.head or any(s.pending and s.turn == turn for s in states.values())
        ):
            turn += 1
        self._change("", states[""], replace(main, head=head, pending=frozenset(), turn=turn))

    def _check_is_attempt(self, attempt_ids: Iterable[str]) -> None:
        states = [*self._states(to_change=True).values()]
        keys = [i for state in states for i in state.keys]
        destroyed = {i: erasure for state in states for i, erasure in state.destroyed.items()}
        check_is_attempt(keys, destroyed, self.head(), attempt_ids, str(self.path))

    def _change(self, page: str, old: KeyState, new: KeyState) -> None:
        file = self._pages[page] if page else self._main
        if new != old:
            file.write(new)
        elif file.path.exists():
            sync_folder(self._folder)  # a process that wrote it may have been killed before it came to this


class _States(Mapping[str, KeyState]):
    """What the main file and pages hold; a page is read when it is asked for."""

    def __init__(self, main: KeyState, pages: Mapping[str, KeyPage], to_change: bool) -> None:
        self._main, self._pages, self._to_change = main, pages, to_change

    def __getitem__(self, digits: str) -> KeyState:
        return self._pages[digits].read(to_change=self._to_change) if digits else self._main

    def __iter__(self) -> Iterator[str]:
        yield ""
        yield from self._pages

    def __len__(self) -> int:
        return 1 + len(self._pages)


def _by_page(ids: Iterable[str], states: Mapping[str, KeyState]) -> dict[str, list[str]]:
    """Return ids by the digits of the page in which they belong, or all by none."""
    if states[""].turn is None:
        return {"": some} if (some := list(ids)) else {}
    pages: dict[str, list[str]] = {}
    for i in ids:
        pages.setdefault(i[:DIGITS], []).append(i)
    return pages


def _without(state: KeyState, gone: dict[str, str], head: Head | None) -> KeyState:
    """Return a state with another head, in which the keys of `gone`, with the ids of their erasures, are destroyed."""
    keys = {i: key for i, key in state.keys.items() if i not in gone}
    destroyed = {**gone, **state.destroyed}
    pending = state.pending - gone.keys() if head == state.head else frozenset[str]()
    return replace(state, keys=keys, destroyed=destroyed, head=head, pending=pending)
