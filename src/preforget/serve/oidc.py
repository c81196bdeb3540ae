"""Bearer tokens that somebody else issues: JWTs (RFC 7519), checked as OpenID Connect Core, section 3.1.3.7, says."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import requests

from preforget.core.errors import StoreError, UsageError
from preforget.core.files import read_regular
from preforget.serve.problems import Problem
from preforget.serve.tokens import ROLES, Caller

ALGORITHMS: Mapping[str, tuple[str, ...]] = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA",),
}
"""By kind of key. None has a shared secret, so that nobody can sign with a public key as if it were one, and there is
no `none`."""
MOST_BYTES, MOST_TOKEN = 2**20, 2**14
FRESH, LONGEST, PAUSE = 300.0, 3600.0, 10.0
"""Seconds after which keys are fetched again, after which old ones open nothing more, and between two attempts."""
WAIT = 1.0
"""Seconds that a request waits for new keys where the old ones are too old, as after an hour without requests."""
LEEWAY = 30.0
"""Seconds by which the issuer's clock may differ."""


@dataclass(frozen=True)
class Issuer:
    """Whose tokens are taken: `name` and `audience` as tokens must state them, `claim`: where roles stand in them."""

    name: str
    audience: str
    keys: str
    claim: str = "preforget_role"


class Keys:
    """The issuer's public keys by their ids (a JWK set, RFC 7517), from a file or an address, and fetched again."""

    def __init__(self, source: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._clock = source, clock
        self._lock = threading.Lock()
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched = self._tried = -LONGEST
        if "://" in source and urlsplit(source).scheme != "https" and not _is_here(source):
            raise UsageError(f"{source}: keys are fetched over https, or from this machine")
        self.fetch()

    def key(self, key_id: str | None) -> jwt.PyJWK | None:
        """Return a key, None if it isn't known; old keys are fetched anew beside, so that nobody waits for that.

        Raises `Problem` if the keys are so old that they can't be relied on, and new ones don't come within `WAIT`.
        """
        at = self._clock()
        if at - self._fetched > LONGEST:
            self._fetch_beside(at, WAIT)
            if at - self._fetched > LONGEST:
                raise Problem(503, "the issuer's keys can't be fetched, so no token can be checked")
        key = self._keys.get(key_id)
        if key is None or at - self._fetched > FRESH:
            self._fetch_beside(at)
        return key

    def fetch(self) -> None:
        """Read all keys; raises `UsageError`, and `StoreError` for a file that others can write into."""
        try:
            entries = json.loads(_content(self._source))["keys"]
            keys = {entry.get("kid"): key for entry in entries if (key := _key_of(entry)) is not None}
        except StoreError:
            raise
        except (
            OSError,
            requests.RequestException,
            ValueError,
            TypeError,
            KeyError,
            RecursionError,
        ) as error:
            raise UsageError(
                f"{self._source} holds no keys that can be read: {type(error).__name__}"
            ) from error
        if not keys:
            raise UsageError(f"{self._source} holds no public key to verify with")
        self._keys, self._fetched = keys, self._clock()

    async def keep_fresh(self, pause: float = FRESH) -> None:
        """Fetch the keys again and again, also while nobody asks: a key that was taken away opens nothing then."""
        while True:
            await asyncio.sleep(pause)
            self._fetch_beside(self._clock())

    def _fetch_beside(self, at: float, wait: float = 0) -> None:
        with self._lock:
            if at - self._tried < PAUSE:
                return
            self._tried = at
        thread = threading.Thread(target=self._try_to_fetch, daemon=True)
        thread.start()
        thread.join(wait)

    def _try_to_fetch(self) -> None:
        try:
            self.fetch()
        except (UsageError, StoreError):
            return  # tried again later, until the keys are too old


class Oidc:
    """Tells whose token a JWT is."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer, self.keys = issuer, Keys(issuer.keys)

    def caller(self, text: str) -> Caller | None:
        """Return whose token a text is, None if it is nobody's; one that names no role has no rights.

        Raises `Problem` if that can't be checked.
        """
        if len(text) > MOST_TOKEN or not text.isascii():
            return None
        try:
            header = jwt.get_unverified_header(text)
            key = self.keys.key(header.get("kid"))
            if key is None or header.get("alg") not in ALGORITHMS[str(key.key_type)]:
                return None
            claims = jwt.decode(
                text,
                key.key,
                algorithms=[header["alg"]],
                audience=self.issuer.audience,
                issuer=self.issuer.name,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError):
            return None
        subject = f"{self.issuer.name}\n{claims['sub']}"  # it may name a person, so it stands nowhere
        caller = f"oidc-{hashlib.sha256(subject.encode(errors='surrogatepass')).hexdigest()[:12]}"
        role = role_of(claims, self.issuer.claim)
        return Caller(caller, "none", frozenset()) if role is None else Caller.of(caller, role)


def role_of(claims: Mapping[str, Any], claim: str) -> str | None:
    """Return the role in a claim, of several the one with most rights; None if there is none.

    >>> role_of({"realm": {"roles": ["viewer", "officer", "x"]}}, "realm.roles"), role_of({"role": "admin"}, "role")
    ('officer', None)
    """
    value: Any = claims
    if claim in claims:
        value = claims[claim]
    else:
        for part in claim.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    named = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    roles = [role for role in ROLES if role in named]
    return max(roles, key=lambda role: len(ROLES[role]), default=None)


def _key_of(entry: Any) -> jwt.PyJWK | None:
    """Return a key of a set that verifies signatures and has no shared secret, None for any other (RFC 7517, 5)."""
    if not isinstance(entry, dict) or entry.get("kty") not in ALGORITHMS:
        return None
    try:
        if entry.get("use", "sig") != "sig" or "verify" not in entry.get("key_ops", ["verify"]):
            return None
        return jwt.PyJWK(entry)
    except (jwt.PyJWTError, ValueError, TypeError):  # such as a curve that isn't known here
        return None


def _content(source: str) -> bytes:
    if "://" not in source:
        if Path(source).stat().st_mode & 0o022:
            raise StoreError(
                f"others can write into {source}, who could make themselves officers; run: chmod go-w {source}"
            )
        return read_regular(Path(source), MOST_BYTES, follow=True)
    with requests.Session() as session:
        session.trust_env = not _is_here(source)  # a proxy of the environment would see it, and could answer
        with session.get(source, timeout=5, allow_redirects=False, stream=True) as said:
            if said.status_code != 200:
                raise ValueError(f"HTTP {said.status_code}")
            content = b""
            for part in said.iter_content(2**16):
                content += part
                if len(content) > MOST_BYTES:
                    raise ValueError("it is too long")
    return content


def _is_here(source: str) -> bool:
    parts = urlsplit(source)
    return parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
