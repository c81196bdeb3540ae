"""How answers leave: only with the state of the model that holds at that moment, else they are made anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from fastapi.responses import Response

from preforget.core.clock import now
from preforget.core.errors import PreforgetError
from preforget.serve.membership import Standing
from preforget.serve.models import ServedModel
from preforget.serve.problems import Problem, problem_of

EPOCH, LEFT = "preforget-epoch", "preforget-left"
"""Headers of every answer: the epoch it was made with, and when it left."""
TRIES = 50
SLOWEST = 5.0
"""Seconds in which who asked must have taken the answer: a forgetting waits for answers that are leaving."""
TRANSPORT = "preforget.transport"
"""Where in a request's scope the server puts the connection."""

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Made:
    """An answer before it leaves, and the standing that it was made with."""

    standing: Standing
    body: bytes = field(repr=False)
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


Make = Callable[[], Awaitable[Made]]
Complain = Callable[[Problem], Response]
"""Says what went wrong in the way of one interface."""


class Leaving(Response):
    """A response that says what is true of the model at the moment it leaves.

    It leaves while no change can begin. If the model has changed since it was made, `make` makes it anew.
    """

    def __init__(self, model: ServedModel, make: Make, complain: Complain, made: Made) -> None:
        super().__init__()
        self._model, self._make, self._complain, self._made = model, make, complain, made

    @classmethod
    async def of(cls, model: ServedModel, make: Make, complain: Complain) -> Response:
        """Make the answer for the first time, and return the response, or the one that says what went wrong."""
        try:
            return cls(model, make, complain, await make())
        except PreforgetError as error:
            return complain(problem_of(error))
        except Problem as problem:
            return complain(problem)

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Send it, see above."""
        made = self._made
        try:
            for _ in range(TRIES):
                async with self._model.membership.leaving() as standing:
                    if standing == made.standing:
                        await _send(made, send, scope.get(TRANSPORT))
                        return
                await self._model.catch_up(standing)
                made = await self._make()
            problem = Problem(503, "the model changes all the time; ask again", {"Retry-After": "5"})
        except PreforgetError as error:
            problem = problem_of(error)
        except Problem as its_own:
            problem = its_own
        await self._complain(problem)(scope, receive, send)


async def _send(made: Made, send: Send, transport: asyncio.WriteTransport | None) -> None:
    """Hand an answer to the system, whole; whoever doesn't take it in time loses the connection."""
    headers = {
        "content-type": made.media_type,
        "content-length": str(len(made.body)),
        EPOCH: str(made.standing.epoch),
        LEFT: now(),
        **made.headers,
    }
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    outgoing = None if transport is None else Outgoing(transport)
    try:
        async with asyncio.timeout(SLOWEST):
            await send({"type": "http.response.start", "status": made.status, "headers": raw})
            await send({"type": "http.response.body", "body": made.body})
            while outgoing is not None and outgoing.waits():
                await asyncio.sleep(0.005)
    except TimeoutError:
        if outgoing is not None:
            outgoing.abort()


class Outgoing:
    """What of a connection the system hasn't taken yet.

    A connection that is being closed goes on sending, and below TLS there is a second buffer that the connection itself
    doesn't count.
    """

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._tls: Any = getattr(transport, "_ssl_protocol", None)
        self._transport = transport if self._tls is None else self._tls._transport or transport

    def waits(self) -> bool:
        """Tell whether something is still to be sent."""
        if self._transport.get_write_buffer_size():
            return True
        return (
            self._tls is not None
            and not self._transport.is_closing()
            and self._tls._get_write_buffer_size() > 0
        )

    def abort(self) -> None:
        """End the connection, without what wasn't sent."""
        self._transport.abort()
