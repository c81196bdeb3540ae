"""Who is signed in: sessions live in this process's memory, end by themselves, and are named by a cookie alone."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

IDLE = 30 * 60.0
"""Seconds without a request after which a session ends."""
LONGEST = 8 * 3600.0
"""Seconds after which a session ends in any case."""
MOST_SESSIONS = 10_000
"""Sessions that are kept; only holders of a token begin one. The ones that were used longest ago are dropped."""
_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True)
class Session:
    """One session: the `token` it was begun with, checked again at every request, and when it began and was used."""

    token: str = field(repr=False)
    begun: float
    used: float


class Sessions:
    """The sessions of one process, by the digest of what the cookie holds.

    Who isn't signed in has a cookie too, of which nothing is kept: the CSRF token of a cookie is computed from it with
    a key of this process, so it needs no memory that strangers could fill.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def new_cookie(self) -> str:
        """Return what a new cookie holds."""
        return secrets.token_urlsafe(32)

    def begin(self, token: str) -> str:
        """Begin a session and return what its cookie holds, which nobody knew before."""
        cookie, at = self.new_cookie(), self._clock()
        self._sessions[_digest(cookie)] = Session(token, at, at)
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return cookie

    def token(self, cookie: str) -> str | None:
        """Return the token of a session that hasn't ended, and count this as use of it."""
        name, at = _digest(cookie), self._clock()
        session = self._sessions.pop(name, None)
        if session is None or at - session.used > IDLE or at - session.begun > LONGEST:
            return None
        self._sessions[name] = Session(session.token, session.begun, at)
        return session.token

    def end(self, cookie: str) -> None:
        """End a session, if it is one."""
        self._sessions.pop(_digest(cookie), None)

    def csrf(self, cookie: str) -> str:
        """Return the CSRF token that forms of a cookie's holder carry."""
        return hmac.new(self._key, cookie.encode(), "sha256").hexdigest()

    def is_csrf(self, cookie: str, given: str) -> bool:
        """Tell whether a form carries the CSRF token of a cookie."""
        return hmac.compare_digest(self.csrf(cookie).encode(), given.encode())


def is_cookie(text: str) -> bool:
    """Tell whether a text has the form of a session's cookie."""
    return _COOKIE.fullmatch(text) is not None


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
