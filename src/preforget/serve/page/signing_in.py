"""Sign in with a token, sign out, and choose light or dark."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from preforget.serve.limits import Rates
from preforget.serve.page.rendering import answer, redirect
from preforget.serve.page.themes import THEMES, set_theme
from preforget.serve.page.visits import PageService, ThePosted, TheVisit, sessions_of, set_cookie
from preforget.serve.problems import Problem

router = APIRouter(include_in_schema=False)
WRONG = "This is no token of this service. A token begins with “pf_”; look for blanks or missing letters at its ends."


@router.get("/sign-in")
async def form(service: PageService, visit: TheVisit) -> Response:
    """Show the form."""
    return answer("sign_in.html", visit, wrong=None, open_reading=service.settings.open_reading)


@router.post("/sign-in")
async def sign_in(request: Request, service: PageService, posted: ThePosted) -> Response:
    """Begin a session, with a cookie that is new."""
    rates: Rates = request.app.state.sign_ins
    if rates.wait(request.client.host if request.client else ""):
        raise Problem(429, "too many tokens were tried; wait a minute", {"Retry-After": "60"})
    token = posted.text("token").strip()
    if service.caller(token) is None:
        return answer(
            "sign_in.html",
            posted.visit,
            status=401,
            wrong=WRONG,
            open_reading=service.settings.open_reading,
        )
    sessions = sessions_of(request)
    sessions.end(posted.visit.cookie)
    cookie = sessions.begin(token)
    return redirect("/", {"set-cookie": set_cookie(posted.visit.port, cookie, posted.visit.secure)})


@router.post("/sign-out")
async def sign_out(request: Request, posted: ThePosted) -> Response:
    """End the session; the browser gets another cookie."""
    sessions, visit = sessions_of(request), posted.visit
    sessions.end(visit.cookie)
    cookie = set_cookie(visit.port, sessions.new_cookie(), visit.secure)
    return redirect("/sign-in", {"set-cookie": cookie})


@router.post("/theme")
async def theme(posted: ThePosted) -> Response:
    """Keep whether the page is light or dark, and go back."""
    chosen = posted.text("theme")
    if chosen not in THEMES:
        raise Problem(422, f"a theme is one of: {', '.join(THEMES)}")
    return redirect(local(posted.text("next")), {"set-cookie": set_theme(chosen)})


def local(path: str) -> str:
    """Return an address of this page, the first one for any other.

    >>> local("/models/a/try"), local("//elsewhere.org"), local("https://elsewhere.org"), local("/models/\\\\x")
    ('/models/a/try', '/', '/', '/')
    """
    allowed = path.isascii() and path.isprintable() and not any(letter in path for letter in '\\"<> ?#')
    return path if path.startswith(("/models/", "/sign-in", "/verify")) and allowed else "/"
