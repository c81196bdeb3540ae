"""Problems as pages, also to requests that nobody has looked into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preforget.serve.page.templating import render
from preforget.serve.problems import Problem

if TYPE_CHECKING:
    from preforget.serve.page.visits import Visit

MACHINES = ("/v2", "/api/", "/metrics")
"""Addresses below which programs ask; everything else is for people."""
HEADLINES = {
    401: "Please sign in",
    403: "That is not allowed",
    404: "There is nothing at this address",
    405: "There is nothing to open at this address",
    408: "That took too long",
    409: "Not now",
    410: "That is gone",
    413: "That is too large",
    421: "This service has another name",
    422: "That cannot be used",
    429: "Too many requests",
    500: "Something is wrong with the service",
    503: "The model cannot answer now",
    507: "The disk is full",
}


def is_for_people(path: str) -> bool:
    """Tell whether an address is one of the page.

    >>> is_for_people("/models/digits"), is_for_people("/v2/health/live"), is_for_people("/api/v1/classes")
    (True, False, False)
    """
    return not path.startswith(MACHINES)


def problem_page(problem: Problem, visit: Visit | None) -> str:
    """Return a problem as HTML; `visit`: who asked, if that is known."""
    return render("problem.html", visit, None, problem=problem, headline=headline(problem.status))


def bare_problem(problem: Problem) -> bytes:
    """Return a problem as HTML for whoever sent a request that was refused at the door."""
    return problem_page(problem, None).encode()


def headline(status: int) -> str:
    """Return what a status means, in few words."""
    return HEADLINES.get(status, "That did not work")
