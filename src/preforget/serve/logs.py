"""One line for each request: method, route, code, time and caller; no path as typed, no query, no body."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

access = logging.getLogger("preforget.access")
OTHER = "(none)"
"""The route of an address that there isn't; what was typed there may hold anything."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CALLER = "preforget.asked-by"
"""Where in a request's scope stands the id of who asked."""


def set_up() -> None:
    """Write the lines of this service to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("preforget.access", "preforget.serve"):
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = [handler], False
        logger.setLevel(logging.INFO)


def route_of(scope: MutableMapping[str, Any]) -> str:
    """Return the route that answered, with the names of its parameters in place of their values."""
    route = scope.get("route")
    form = getattr(route, "path_format", None) or getattr(route, "path", None)
    if not form:
        return OTHER
    # a route of a router that was included doesn't know its prefix, which holds no parameters
    prefix = str(scope.get("path", "")).split("/")[: -str(form).count("/")]
    return "/".join(prefix) + str(form)


def method_of(scope: MutableMapping[str, Any]) -> str:
    """Return the method, or that it is none of HTTP's usual ones."""
    method = str(scope.get("method", ""))
    return method if method in METHODS else OTHER


class WithoutMessages(logging.Filter):
    """Leaves the kind of an error in a log, without its message and its traceback, which can hold names."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change a record that tells of an error."""
        if record.exc_info and record.exc_info[0] is not None:
            record.msg, record.args = f"a fault of the service: {record.exc_info[0].__name__}", ()
            record.exc_info = record.exc_text = None
        elif "Traceback (most recent call last)" in str(
            record.msg
        ):  # what uvicorn says of a start that failed
            record.msg, record.args = "the service couldn't start", ()
        return True


def note(scope: MutableMapping[str, Any], code: int, seconds: float) -> None:
    """Write the line of one request."""
    caller = scope.get(CALLER, "-")
    access.info("%s %s %d %.1f ms %s", method_of(scope), route_of(scope), code, seconds * 1e3, caller)
