"""A file of keys in a keyring: canonical JSON with a checksum, encrypted if there is a passphrase."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preforget.core.errors import IntegrityError, UsageError
from preforget.core.file_mark import Mark, mark_of
from preforget.core.files import write_atomic
from preforget.store.head import Head
from preforget.store.key_service import check_erasure_id, check_model_id, check_record_ids
from preforget.store.keyring_lock import KeyringLock, is_locked, no_passphrase
from preforget.store.private_file import cannot_read, read_private

KEYS, PAGE = ".keys", ".page"
FORMAT = 1
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
DIGITS = 2
"""By so many first digits of its id a record's key lies in one of 256 pages."""


@dataclass(frozen=True)
class KeyState:
    """What a file of keys holds; keys stay base64, so that those which nobody asks for are not decoded.

    `destroyed`: by record id, the id of the erasure; `pending`: ids of keys made since the head was last noted. Of a
    model with many keys, `digits` is what the ids in a page begin with, empty for the model's main file, and `turn`
    counts how often the head was noted: what is pending in a page of an earlier turn no longer is.
    """

    model: str
    keys: dict[str, str] = field(default_factory=dict)
    destroyed: dict[str, str] = field(default_factory=dict)
    head: Head | None = None
    pending: frozenset[str] = frozenset()
    made_for: str = ""
    digits: str = ""
    turn: int | None = None


class KeyPage:
    """One file of keys, read again when it has changed: other processes change it too.

    `digits`: of a page, what its ids begin with.
    """

    def __init__(self, folder: Path, model: str, lock: KeyringLock | None, digits: str = "") -> None:
        name = f"{model}.{digits}{PAGE}" if digits else f"{model}{KEYS}"
        self.path, self.model, self.digits = folder / name, model, digits
        self._lock = lock
        self._seen: tuple[Mark, KeyState, bool] | None = None

    def read(self, *, to_change: bool = False) -> KeyState:
        """Return what the file holds, nothing if it isn't there; raises `IntegrityError`, `StoreError`.

        `to_change`: read it again unless its time shows for certain that nobody has written to it.
        """
        mark = self._mark()
        if mark is None:
            return KeyState(self.model, digits=self.digits)
        if self._seen is not None and self._seen[0] == mark and (self._seen[2] or not to_change):
            return self._seen[1]
        content = read_private(self.path)
        if content is None:
            return KeyState(self.model, digits=self.digits)
        if is_locked(content):
            if self._lock is None:
                raise no_passphrase(self.path)
            content = self._lock.unlock(content, self._what, self.path)
        state = _decode(content, self.model, self.digits, self.path)
        settled = mark.is_settled()
        if self._mark() == mark:
            self._seen = mark, state, settled
        return state

    def write(self, state: KeyState) -> None:
        """Replace the file, durable on return; raises `OSError`."""
        content = _encode(state)
        if self._lock is not None:
            content = self._lock.lock(content, self._what)
        write_atomic(self.path, content)
        mark = self._mark()
        self._seen = None if mark is None else (mark, state, False)

    def _mark(self) -> Mark | None:
        try:
            return mark_of(self.path)
        except OSError as error:
            raise cannot_read(self.path, error) from error

    @property
    def _what(self) -> str:
        return f"{self.model} {self.digits}" if self.digits else self.model


def _encode(state: KeyState) -> bytes:
    values = {
        "format": FORMAT,
        "model": state.model,
        "head": state.head.as_dict() if state.head else None,
        "keys": state.keys,
        "destroyed": state.destroyed,
        **({"pending": sorted(state.pending)} if state.pending else {}),  # not in files of earlier versions
        **({"made_for": state.made_for} if state.made_for else {}),
        **({"page": state.digits} if state.digits else {}),
        **({} if state.turn is None else {"turn": state.turn}),
    }
    # the same bytes as canonical_json, since all is plain ASCII, in a tenth of its time
    rest = json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
    return b'{"checksum":"sha256:%s",%s' % (hashlib.sha256(rest).hexdigest().encode(), rest[1:])


def _decode(content: bytes, model: str, digits: str, path: Path) -> KeyState:
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
    if (state.model, state.digits) != (model, digits):
        raise IntegrityError(
            f"{path} holds the keys of another model, {state.model}; put the right file there"
        )
    return state


def _state(values: dict[str, Any]) -> KeyState:
    """Check the entries of a key file; raises `ValueError` or the like."""
    if set(values) - {"pending", "made_for", "page", "turn"} != {
        "checksum",
        "format",
        "model",
        "head",
        "keys",
        "destroyed",
    }:
        raise ValueError("entries are missing or unknown")
    keys, destroyed, head = values["keys"], values["destroyed"], values["head"]
    check_model_id(values["model"])
    check_record_ids(keys.keys() | destroyed.keys())
    for erasure in set(destroyed.values()):
        check_erasure_id(erasure)
    if keys.keys() & destroyed.keys():
        raise ValueError("a key is both there and destroyed")
    if not _are_keys([*keys.values()]):
        raise ValueError("a key is no base64 of 32 bytes")
    if head is not None:
        head = Head.parse(f"{head['seq']}:{head['hash']}")
    pending = frozenset(values.get("pending", ()))
    if not pending <= keys.keys():
        raise ValueError("a key is pending that is not there")
    made_for = values.get("made_for", "")
    if not re.fullmatch("(?:[0-9a-f]{64})?", made_for):
        raise ValueError("the place that it was made for is no digest")
    digits, turn = values.get("page", ""), values.get("turn")
    if not re.fullmatch(f"(?:[0-9a-f]{{{DIGITS}}})?", digits):
        raise ValueError("it is no page")
    if digits and not all(record.startswith(digits) for record in (*keys, *destroyed)):
        raise ValueError("a key lies in another page than its own")
    if turn is not None and (type(turn) is not int or not 0 <= turn < 2**53):
        raise ValueError("its turn is no number")
    return KeyState(values["model"], keys, destroyed, head, pending, made_for, digits, turn)


def _are_keys(texts: list[str]) -> bool:
    """Tell whether all are base64 of 32 bytes: 43 digits and a sign that ends them."""
    joined = "".join(texts)
    digits = joined.replace("=", "")
    whole = set(map(len, texts)) <= {44} and joined[43::44] == "=" * len(texts)
    return whole and len(digits) == 43 * len(texts) and not digits.strip(_BASE64)
