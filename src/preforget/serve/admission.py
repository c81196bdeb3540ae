"""What the head of a request decides, before any of its body is read: who asks, from where, and how much may follow."""

from __future__ import annotations

from fastapi import Request

from preforget.serve.access import caller_of
from preforget.serve.page.refusing import is_for_people
from preforget.serve.page.visits import check_origin, origin_of, visit_of
from preforget.serve.problems import Problem
from preforget.serve.tokens import NOBODY

LITTLE = 2**16
"""Bytes of a body that come from somebody without a right, such as the form in which they sign in, or with a request
that only reads."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})


def admitted(request: Request, most: int) -> int:
    """Return how many bytes may follow, at most `most`; raises `Problem`, and `StoreError` for unreadable tokens."""
    if request.method in READING:
        return min(most, LITTLE)
    if is_for_people(request.url.path):
        check_origin(request)
        caller = visit_of(request).caller
    else:
        _check_not_foreign(request)
        caller = caller_of(request)
        if caller == NOBODY:
            raise Problem(401, "this needs a token", {"WWW-Authenticate": "Bearer"})
    return most if caller.rights else min(most, LITTLE)


def _check_not_foreign(request: Request) -> None:
    """Raise `Problem` for what a page of another origin had a browser send: it needs no token to ask on loopback."""
    elsewhere = request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
    stated = "origin" in request.headers
    if elsewhere or (stated and origin_of(request).netloc != request.headers.get("host", "")):
        raise Problem(403, "a page of another origin sent this, so nothing was done; there is no CORS")
