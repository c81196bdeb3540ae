"""What holds for every request: known hosts, bounded bodies that arrive in time, and headers of every response."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import Request

from preforget.core.errors import PreforgetError
from preforget.serve.admission import admitted
from preforget.serve.page.refusing import bare_problem, is_for_people
from preforget.serve.page.templating import HTML
from preforget.serve.problems import MEDIA_TYPE, Problem, problem_of
from preforget.serve.settings import Settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

Saw = Callable[[MutableMapping[str, Any], int, float], None]
"""Is told of every request: its scope, the code of the response, and the seconds that it took."""

CSP = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "media-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
STANDALONE = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; {}"
)
"""Of reports and receipts, which are whole pages with styles of their own; filled with the source of their script."""
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""Of every response that doesn't say otherwise itself; no header of CORS, so other origins can't read anything."""


_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:@/?#\\\s]+)(?::([0-9]{0,5}))?", re.ASCII)


class Guard:
    """Stands before the whole application."""

    def __init__(self, app: App, settings: Settings, tls: bool = False, saw: Saw | None = None) -> None:
        self._app, self._settings, self._saw = app, settings, saw
        headers = {**HEADERS, **({"strict-transport-security": "max-age=31536000"} if tls else {})}
        self._headers = {name.encode(): value.encode("latin-1") for name, value in headers.items()}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let a request pass that keeps to the rules, and add headers to what comes back."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        begun, code = time.monotonic(), 500

        async def with_headers(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
                present = {name.lower() for name, _ in message["headers"]}
                more = [(name, value) for name, value in self._headers.items() if name not in present]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            await self._pass_on(scope, receive, with_headers)
        finally:
            if self._saw is not None:
                self._saw(scope, code, time.monotonic() - begun)

    async def _pass_on(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        try:
            self._check_host(scope)
            body = await self._body(scope, receive, admitted(Request(scope), self._settings.most_body))
        except PreforgetError as error:
            await refuse(problem_of(error), send, str(scope["path"]))
            return
        except Problem as problem:
            await refuse(problem, send, str(scope["path"]))
            return
        except _Gone:
            return
        handed = False

        async def whole() -> Message:
            nonlocal handed
            if handed:
                return await receive()
            handed = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, whole, send)

    def _check_host(self, scope: MutableMapping[str, Any]) -> None:
        """Refuse names that aren't this service's: a page elsewhere may have its name lead here (DNS rebinding)."""
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or host_of(hosts[0]) not in self._settings.hosts:
            raise Problem(421, "this service isn't called by that name; see --host-name")

    async def _body(self, scope: MutableMapping[str, Any], receive: Receive, most: int) -> bytes:
        """Return the whole body; raises `Problem` if it has more than `most` bytes or takes too long."""
        stated = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not stated.isdigit() or int(stated[:20]) > most:
            raise Problem(413, f"such a request has at most {most:,} bytes")
        parts, length = list[bytes](), 0
        try:
            async with asyncio.timeout(self._settings.patience):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    parts.append(message.get("body", b""))
                    length += len(parts[-1])
                    if length > most:
                        raise Problem(413, f"such a request has at most {most:,} bytes")
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise Problem(408, "the request didn't arrive in time", {"Connection": "close"}) from None


class _Gone(Exception):  # noqa: N818 - a signal within this file
    """Who asked has gone before the request was there."""


def host_of(header: str) -> str:
    """Return the name in a `Host` header, without the port; empty if it is no name with or without a port.

    >>> host_of("localhost:8080"), host_of("[::1]:8080"), host_of("EXAMPLE.org"), host_of("localhost:x")
    ('localhost', '[::1]', 'example.org', '')
    """
    parts = _HOST.fullmatch(header.strip().lower())
    return "" if parts is None or int(parts[2] or 0) > 65535 else parts[1]


async def refuse(problem: Problem, send: Send, path: str) -> None:
    """Send a problem, as a page where people asked."""
    people = is_for_people(path)
    body = bare_problem(problem) if people else problem.body()
    headers = {
        "content-type": HTML if people else MEDIA_TYPE,
        "content-length": str(len(body)),
        **{name.lower(): value for name, value in problem.headers.items()},
    }
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
