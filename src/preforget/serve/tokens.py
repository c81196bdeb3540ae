"""Bearer tokens in a file that holds their digests alone, and what each role may do."""

from __future__ import annotations

import enum
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from preforget.core.clock import now
from preforget.core.errors import StoreError, UsageError
from preforget.core.files import exclusive, make_private, read_regular, write_atomic

FORMAT = "preforget-tokens-1"
MOST_BYTES = 2**22
_TOKEN = re.compile(r"pf_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_NOTE = re.compile(r"[A-Za-z0-9 ._-]{0,60}", re.ASCII)


class Right(enum.Enum):
    """What a caller may do."""

    SEE = "see"
    ANSWER = "answer"
    OPERATE = "operate"
    FORGET = "forget"


ROLES: Mapping[str, frozenset[Right]] = {
    "viewer": frozenset({Right.SEE}),
    "predictor": frozenset({Right.ANSWER}),
    "operator": frozenset({Right.SEE, Right.ANSWER, Right.OPERATE}),
    "officer": frozenset(Right),
}
"""Viewers see classes, the ledger and reports; predictors ask for answers; operators do both, detach classes and start
audits; officers alone forget."""


@dataclass(frozen=True)
class Caller:
    """Who asks: an `id` that names no person, a role, and its rights."""

    id: str
    role: str
    rights: frozenset[Right]

    @classmethod
    def of(cls, caller: str, role: str) -> Caller:
        """Return a caller with the rights of a role."""
        return cls(caller, role, ROLES[role])


NOBODY = Caller("nobody", "none", frozenset())
ANYBODY = Caller("anybody", "reader", frozenset({Right.SEE, Right.ANSWER}))
"""Who has no token, where those may read and ask for answers."""


@dataclass(frozen=True)
class Token:
    """One entry of the file: `id` stands in the token itself, `digest` is the SHA-256 of the whole token."""

    id: str
    role: str
    note: str
    made: str
    digest: str


class Tokens:
    """The tokens of one file; without a file, those that were made for this run alone."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._seen: tuple[int, ...] | None = None
        self._tokens: dict[str, Token] = {}
        if path is not None:
            self.tokens()

    def tokens(self) -> list[Token]:
        """Return all tokens, read again if the file has changed; raises `StoreError` for one that can't be read."""
        if self.path is not None:
            mark = _mark(self.path)
            if mark != self._seen:
                self._tokens, self._seen = _read(self.path), mark
        return [*self._tokens.values()]

    def add(self, role: str, note: str = "") -> str:
        """Make a token and return it, the only time that it can be seen; raises `UsageError`, `StoreError`."""
        if role not in ROLES:
            raise UsageError(f"{role!r} is no role; there are: {', '.join(ROLES)}")
        if not _NOTE.fullmatch(note):
            raise UsageError(
                "a note has up to 60 letters, digits, blanks, dots and dashes; it names no person"
            )
        token_id = secrets.token_hex(6)
        text = f"pf_{token_id}_{secrets.token_urlsafe(32)}"
        self._change({token_id: Token(token_id, role, note, now(), _digest(text))}, None)
        return text

    def revoke(self, token_id: str) -> None:
        """Take a token away: from now on it opens nothing. Raises `UsageError` if there is none of that id."""
        self._change({}, token_id)

    def caller(self, text: str) -> Caller | None:
        """Return whose token a text is, None if it is nobody's."""
        parts = _TOKEN.fullmatch(text)
        self.tokens()
        token = None if parts is None else self._tokens.get(parts[1])
        if token is None or not hmac.compare_digest(token.digest, _digest(text)):
            return None
        return Caller.of(token.id, token.role)

    def _change(self, add: Mapping[str, Token], revoke: str | None) -> None:
        if self.path is None:
            self._tokens = _changed(self._tokens, add, revoke)
            return
        try:
            make_private(self.path.parent)
            with exclusive(self.path.parent):
                present = _read(self.path) if self.path.exists() else {}
                after = _changed(present, add, revoke)
                values = {"format": FORMAT, "tokens": [asdict(token) for token in after.values()]}
                write_atomic(self.path, json.dumps(values, indent=2).encode() + b"\n")
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"{self.path} can't be written: {error.strerror or error}") from error
        self._seen = None


def _changed(tokens: Mapping[str, Token], add: Mapping[str, Token], revoke: str | None) -> dict[str, Token]:
    if revoke is not None and revoke not in tokens:
        raise UsageError(f"there is no token {revoke!r}; see: preforget tokens list")
    return {i: token for i, token in {**tokens, **add}.items() if i != revoke}


def _digest(text: str) -> str:
    # the secret has 256 random bits, so that a slow digest would protect nothing more
    return hashlib.sha256(text.encode()).hexdigest()


def _mark(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError as error:
        raise StoreError(f"the tokens in {path} can't be read: {error.strerror or error}") from error
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _read(path: Path) -> dict[str, Token]:
    try:
        if path.stat().st_mode & 0o022:
            raise ValueError(
                f"others can write into it, who could make themselves officers; run: chmod 600 {path}"
            )
        values = json.loads(read_regular(path, MOST_BYTES, follow=True))
        if values["format"] != FORMAT:
            raise ValueError("it has another format")
        tokens = {entry["id"]: Token(**entry) for entry in values["tokens"]}
        if not all(token.role in ROLES for token in tokens.values()):
            raise ValueError("it names a role that there isn't")
        if not all(re.fullmatch("[0-9a-f]{64}", token.digest, re.ASCII) for token in tokens.values()):
            raise ValueError("a digest is none")
    except OSError as error:
        raise StoreError(f"the tokens in {path} can't be read: {error.strerror or error}") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise StoreError(f"{path} holds no tokens, or is damaged: {error}") from None
    return tokens
