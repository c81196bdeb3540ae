"""Pages as responses: with headers of their own, and leaving only while what they say is true."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from preforget.core.errors import StoreError
from preforget.serve.leaving import Leaving, Made
from preforget.serve.membership import Standing
from preforget.serve.models import ServedModel
from preforget.serve.page.refusing import problem_page
from preforget.serve.page.templating import HTML, render
from preforget.serve.page.visits import Visit, visit_of
from preforget.serve.problems import Problem

HEADERS = {"referrer-policy": "same-origin"}
"""Without a referrer to this page itself, browsers would send forms from nowhere (`Origin: null`)."""


def answer(
    template: str, visit: Visit, model: str | None = None, status: int = 200, **values: Any
) -> Response:
    """Return a page that says nothing of what the model knows."""
    text = render(template, visit, model, **values)
    return HTMLResponse(text, status, {**HEADERS, **visit.headers})


async def leaving(
    request: Request,
    visit: Visit,
    model: ServedModel,
    template: str,
    read: Callable[[], Awaitable[tuple[Standing, dict[str, Any]]]],
    status: int = 200,
) -> Response:
    """Return a page that says what is true of the model, or was answered; it leaves only while that is true."""

    async def make() -> Made:
        standing, values = await read()
        text = render(template, visit, model.name, **values)
        return Made(standing, text.encode(), HTML, {**HEADERS, **visit.headers}, values.get("status", status))

    return await Leaving.of(model, make, lambda problem: complain(request, problem))


def redirect(address: str, headers: dict[str, str] | None = None) -> Response:
    """Send the browser on after a form, so that loading the page again sends nothing twice."""
    return Response(status_code=303, headers={"location": address, **HEADERS, **(headers or {})})


def complain(request: Request, problem: Problem) -> Response:
    """Return a problem as a page."""
    try:
        visit = visit_of(request)
    except StoreError:  # the tokens can't be read, so nobody knows who asks
        visit = None
    text = problem_page(problem, visit)
    headers = {**HEADERS, **(visit.headers if visit else {}), **problem.headers}
    return HTMLResponse(text, problem.status, headers)
