"""Who looks at the page: by the session of their cookie; and the checks that every form must pass."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from preforget.serve.access import service_of
from preforget.serve.logs import CALLER
from preforget.serve.models import ServedModel
from preforget.serve.page.sessions import Sessions, is_cookie
from preforget.serve.page.themes import theme_of
from preforget.serve.problems import Problem
from preforget.serve.service import Service
from preforget.serve.tokens import ANYBODY, NOBODY, Caller, Right

CSRF = "csrf"
"""The field of every form that holds the CSRF token."""
MOST_FIELDS = 2_000
STRANGE = "this form did not come from this page, so nothing was done; open the page anew and send the form from there"


@dataclass(frozen=True)
class Visit:
    """One request to the page: who asks, with which rights, and what their forms carry.

    `cookie`: what the session's cookie holds; `fresh`: whether it must be set; `ended`: whether a session came that has
    ended.
    """

    caller: Caller
    signed_in: bool
    csrf: str = field(repr=False)
    cookie: str = field(repr=False)
    fresh: bool
    secure: bool
    port: str
    theme: str
    path: str
    models: tuple[str, ...]
    ended: bool = False

    def may(self, right: str) -> bool:
        """Tell whether the visitor has a right, by its name."""
        return Right(right) in self.caller.rights

    @property
    def headers(self) -> dict[str, str]:
        """The header that sets the cookie, if it must be set."""
        return {"set-cookie": set_cookie(self.port, self.cookie, self.secure)} if self.fresh else {}


def sessions_of(request: Request) -> Sessions:
    """Return the sessions of the application."""
    sessions = request.app.state.sessions
    assert isinstance(sessions, Sessions)
    return sessions


def visit_of(request: Request) -> Visit:
    """Return who asks; a session counts only as long as its token does."""
    service, sessions = service_of(request), sessions_of(request)
    port, secure = port_of(request), is_secure(request)
    given = request.cookies.get(cookie_name(port), "")
    cookie = given if is_cookie(given) else sessions.new_cookie()
    token = sessions.token(cookie) if cookie == given else None
    caller = None if token is None else service.caller(token)
    if token is not None and caller is None:
        sessions.end(cookie)
    request.scope[CALLER] = (caller or NOBODY).id
    return Visit(
        caller=caller or (ANYBODY if service.settings.open_reading else NOBODY),
        signed_in=caller is not None,
        csrf=sessions.csrf(cookie),
        cookie=cookie,
        fresh=cookie != given,
        secure=secure,
        port=port,
        theme=theme_of(request),
        path=request.url.path,
        models=tuple(service.models),
        ended=token is not None and caller is None,
    )


@dataclass(frozen=True)
class Posted:
    """A form that came from this page, and who sent it."""

    visit: Visit
    form: FormData = field(repr=False)

    def text(self, name: str) -> str:
        """Return a field, empty if the form has none."""
        value = self.form.get(name)
        return utf8(value) if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """Return all values of a field."""
        return [utf8(value) for value in self.form.getlist(name) if isinstance(value, str)]

    async def file(self, name: str) -> bytes:
        """Return the content of a file, empty if none was chosen."""
        value = self.form.get(name)
        return await value.read() if isinstance(value, UploadFile) else b""


def utf8(text: str) -> str:
    """Return a text without what UTF-8 can't hold; a form may state an encoding in which it can be written.

    >>> utf8("caf\u00e9 " + chr(0xD800))
    'café ?'
    """
    return text.encode("utf-8", "replace").decode()


async def posted(request: Request) -> AsyncIterator[Posted]:
    """Yield the form of a request; raises `Problem` unless it came from this page and this visitor."""
    check_origin(request)
    visit = visit_of(request)
    async with request.form(max_files=4, max_fields=MOST_FIELDS, max_part_size=4 * 2**20) as form:
        sent = Posted(visit, form)
        if visit.fresh or not sessions_of(request).is_csrf(visit.cookie, sent.text(CSRF)):
            raise Problem(403, STRANGE)
        yield sent


def check_origin(request: Request) -> None:
    """Raise `Problem` unless a form was sent from a page of this origin; that `Host` is ours was checked before."""
    origin = origin_of(request)
    same = origin.scheme in ("http", "https") and origin.netloc == request.headers.get("host", "")
    if not same or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise Problem(403, STRANGE)


def origin_of(request: Request) -> SplitResult:
    """Return the origin that a browser states, an empty one if it states none or what is no address."""
    try:
        return urlsplit(request.headers.get("origin", ""))
    except ValueError:
        return urlsplit("")


def is_secure(request: Request) -> bool:
    """Tell whether the visitor's browser speaks TLS, to this service or to a proxy before it."""
    return "https" in (request.url.scheme, origin_of(request).scheme)


def port_of(request: Request) -> str:
    """Return the port by which the service is called: browsers don't keep the cookies of two ports apart."""
    return str(request.url.port or "")


def cookie_name(port: str) -> str:
    """Return the name of the session's cookie."""
    return f"preforget-session-{port}"


def set_cookie(port: str, value: str, secure: bool) -> str:
    """Return the header that gives a browser a session's cookie; it ends with the browser."""
    return f"{cookie_name(port)}={value}; Path=/; HttpOnly; SameSite=Strict{'; Secure' if secure else ''}"


def require(visit: Visit, right: Right) -> None:
    """Raise `Problem` unless a visitor has a right."""
    if right in visit.caller.rights:
        return
    if visit.signed_in:
        raise Problem(403, f"the role {visit.caller.role} may not do this; sign in with another token")
    raise Problem(401, "this needs a token; sign in first")


def page_model(request: Request, model: str) -> ServedModel:
    """Return the model that an address names; raises `Problem`."""
    return service_of(request).model(model)


def page_service(request: Request) -> Service:
    """Return the service."""
    return service_of(request)


TheVisit = Annotated[Visit, Depends(visit_of)]
ThePosted = Annotated[Posted, Depends(posted)]
PageModel = Annotated[ServedModel, Depends(page_model)]
PageService = Annotated[Service, Depends(page_service)]
