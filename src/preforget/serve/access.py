"""Who asks, and whether they may: the one place that turns a request into a caller."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request

from preforget.serve.logs import CALLER
from preforget.serve.problems import Problem
from preforget.serve.service import Service
from preforget.serve.tokens import ANYBODY, NOBODY, Caller, Right


def service_of(request: Request) -> Service:
    """Return the service that a request came to."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


def caller_of(request: Request) -> Caller:
    """Return who asks, by bearer token, or nobody; raises `Problem` for a wrong token."""
    caller = _caller_of(request)
    request.scope[CALLER] = caller.id
    return caller


def _caller_of(request: Request) -> Caller:
    service, header = service_of(request), request.headers.get("authorization")
    if header is not None:
        scheme, _, text = header.partition(" ")
        caller = service.caller(text.strip()) if scheme.lower() == "bearer" else None
        if caller is None:
            raise Problem(401, "the token is none of this service", {"WWW-Authenticate": "Bearer"})
        return caller
    return ANYBODY if service.settings.open_reading else NOBODY


def check(request: Request, right: Right) -> Caller:
    """Return who asks, if they have a right; raises `Problem`."""
    caller = caller_of(request)
    if right in caller.rights:
        return caller
    if caller in (NOBODY, ANYBODY):
        raise Problem(401, "this needs a token", {"WWW-Authenticate": "Bearer"})
    raise Problem(403, f"the role {caller.role} may not do this")


def needs(right: Right) -> Callable[[Request], Caller]:
    """Return what a route depends on that only callers with a right may ask for."""

    def caller(request: Request) -> Caller:
        return check(request, right)

    return caller
