"""Requests to forget, durable until they are done: a kill loses none, and a repeated request is known again.

The name of whom to forget stands here only until the receipt is there. The folder is one for each model, beside it.
Every request is signed with the key of the model's receipts, so that nobody else can put one there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from preforget.core.canonical import canonical_json
from preforget.core.clock import now
from preforget.core.errors import StoreError
from preforget.core.files import read_regular, write_atomic
from preforget.serve.beside import own_folder
from preforget.store.signing import SigningKeys

PENDING, DONE, FAILED = "pending", "done", "failed"
MOST_BYTES = 2**22
_ID = re.compile("[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True)
class Forgetting:
    """One request to forget, and how far it is.

    `labels`, `subjects`: whom to forget, empty once that is done or has failed; `records`: the ids of what goes, from
    which an erasure that was cut off and ended elsewhere is known again; `key`: the digest of the Idempotency-Key;
    `request`: a digest of what was asked, under that key; `erasure`: the id of the receipt; `epoch`: since when no
    answer names them; `detail`: why it failed.
    """

    id: str
    status: str
    asked: str
    labels: list[str] = field(default_factory=list, repr=False)
    subjects: list[str] = field(default_factory=list, repr=False)
    records: list[str] = field(default_factory=list)
    reason: str | None = None
    grounds: str | None = None
    key: str | None = None
    request: str | None = None
    by: str = ""
    ended: str | None = None
    erasure: str | None = None
    epoch: int | None = None
    detail: str | None = None

    @classmethod
    def asked_for(
        cls,
        labels: list[str],
        subjects: list[str],
        records: list[str],
        reason: str | None,
        grounds: str | None,
        by: str,
        key: str | None,
    ) -> Forgetting:
        """Return a new request."""
        asked = None if key is None else request_digest(key, labels, subjects, reason, grounds)
        return cls(
            secrets.token_hex(16),
            PENDING,
            now(),
            labels,
            subjects,
            records,
            reason,
            grounds,
            None if key is None else key_digest(key),
            asked,
            by,
        )

    def done(self, erasure: str, epoch: int | None) -> Forgetting:
        """Return the request as carried out, without the names."""
        return replace(
            self, status=DONE, labels=[], subjects=[], records=[], ended=now(), erasure=erasure, epoch=epoch
        )

    def failed(self, detail: str) -> Forgetting:
        """Return the request as one that can't be carried out, without the names."""
        return replace(self, status=FAILED, labels=[], subjects=[], records=[], ended=now(), detail=detail)


def key_digest(key: str) -> str:
    """Return what is kept of an Idempotency-Key."""
    return hashlib.sha256(b"preforget idempotency key\0" + key.encode()).hexdigest()


def request_digest(
    key: str, labels: list[str], subjects: list[str], reason: str | None, grounds: str | None
) -> str:
    """Return a digest of what was asked from which nobody who doesn't have the key can find the names out."""
    values = [sorted(labels), sorted(subjects), reason, grounds]
    return hmac.new(key.encode(), canonical_json(values), "sha256").hexdigest()


class Journal:
    """The requests of one model, a file each; `model`: its id, `signing`: the keys of its receipts."""

    def __init__(self, folder: Path, model: str, signing: SigningKeys) -> None:
        self.folder, self._model, self._signing = folder, model, signing
        self.entries: dict[str, Forgetting] = {}
        self.keys: dict[str, str] = {}

    def read(self) -> None:
        """Read what is there; raises `StoreError`."""
        try:
            own_folder(self.folder)
            for leftover in self.folder.glob(".writing-*"):
                leftover.unlink()
            for path in sorted(self.folder.glob("*.json")):
                if _ID.fullmatch(path.stem):
                    self._take(self._read(path))
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"{self.folder} can't be read: {error.strerror or error}") from error
        except (ValueError, TypeError, KeyError, RecursionError):
            raise StoreError(
                f"a request to forget in {self.folder} is damaged, or was not written by a service of this model; see "
                "who did it, and take the file away"
            ) from None

    def write(self, entry: Forgetting) -> None:
        """Keep a request, durably, in place of what was kept of it before; raises `StoreError`."""
        try:
            signature = base64.b64encode(self._signing.current().sign(self._signed(asdict(entry)))).decode()
            content = json.dumps({"request": asdict(entry), "signature": signature}).encode()
            write_atomic(self.folder / f"{entry.id}.json", content)
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"{self.folder} can't be written: {error.strerror or error}") from error
        self._take(entry)

    def of_key(self, key: str) -> Forgetting | None:
        """Return the request that came with an Idempotency-Key before."""
        known = self.keys.get(key_digest(key))
        return None if known is None else self.entries[known]

    def pending(self) -> list[Forgetting]:
        """Return the requests that aren't done, the oldest first."""
        return sorted((e for e in self.entries.values() if e.status == PENDING), key=lambda e: e.asked)

    def _read(self, path: Path) -> Forgetting:
        """Return the request in a file; raises `ValueError` unless it was signed for this model and this name."""
        values = json.loads(read_regular(path, MOST_BYTES))
        signature = base64.b64decode(values["signature"], validate=True)
        if not self._signing.verifies(self._signed(values["request"]), signature, former=True):
            raise ValueError("another signature")
        entry = Forgetting(**values["request"])
        if entry.id != path.stem:
            raise ValueError("another name")
        return entry

    def _signed(self, values: dict[str, Any]) -> bytes:
        return b"preforget request to forget\n" + canonical_json({"model": self._model, "request": values})

    def _take(self, entry: Forgetting) -> None:
        self.entries[entry.id] = entry
        if entry.key is not None:
            self.keys[entry.key] = entry.id
