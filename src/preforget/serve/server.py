"""Run one service until it is told to end: SIGTERM lets what is under way end first."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from preforget.core.errors import UsageError
from preforget.serve import logs
from preforget.serve.app import make_app
from preforget.serve.leaving import TRANSPORT
from preforget.serve.logs import WithoutMessages
from preforget.serve.service import Service

MESSAGES = WithoutMessages()


@dataclass(frozen=True)
class Address:
    """Where a service listens, with TLS if it has a certificate."""

    host: str = "127.0.0.1"
    port: int = 8080
    certificate: Path | None = None
    key: Path | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def url(self) -> str:
        """Its address for a browser."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.certificate else ''}://{host}:{self.port}"

    def check(self, *, has_tokens: bool, insecure: bool) -> None:
        """Raise `UsageError` for an address that others can reach, without tokens or without TLS."""
        if self.is_loopback or insecure:
            return
        missing = [
            *([] if has_tokens else ["tokens (--tokens FILE, made with: preforget tokens add)"]),
            *([] if self.certificate else ["TLS (--certificate FILE and --key FILE)"]),
        ]
        if missing:
            raise UsageError(
                f"{self.host} can be reached from other machines, and this service has no {' and no '.join(missing)}; "
                "give them, or listen on 127.0.0.1 behind a proxy that has them, or say --insecure"
            )


class Connection(H11Protocol):
    """A connection of uvicorn that tells the application of its transport, and waits for no request for ever."""

    patience = 30.0
    """Seconds in which the head of a request must have arrived, counted from the connection or from its first byte."""
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the transport into the scope of every request."""
        super().connection_made(transport)
        self._late = self.loop.call_later(self.patience, transport.abort)
        app: Any = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope[TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport

    def data_received(self, data: bytes) -> None:
        """Read on; a head that isn't whole yet has begun to be late, and so has a body whose request is answered."""
        super().data_received(data)
        theirs = self.conn.their_state
        in_head = theirs is h11.IDLE and bool(self.conn.trailing_data[0])
        if in_head or (theirs is h11.SEND_BODY and self.conn.our_state is h11.DONE):
            if self._late is None:
                self._late = self.loop.call_later(self.patience, self.transport.abort)
        elif theirs is not h11.IDLE:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class Server(uvicorn.Server):
    """A server of uvicorn that says when it has begun to listen, and to which port."""

    listening: Callable[[int], None] | None = None
    service: Service | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT as orders to end; uvicorn would end the process by the signal after that."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    async def startup(self, sockets: Any = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self.started and self.listening is not None:
            self.listening(self.servers[0].sockets[0].getsockname()[1])

    def handle_exit(self, sig: int, frame: Any) -> None:
        """End, also where the service waits at its start for something that was cut off, as on a full disk."""
        super().handle_exit(sig, frame)
        if self.service is not None:
            self.service.give_up()

    async def shutdown(self, sockets: Any = None) -> None:
        """Say that it is ending, before connections are closed."""
        if self.service is not None:
            self.service.draining = True
        await super().shutdown(sockets)


def run(service: Service, address: Address, listening: Callable[[int], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; raises `UsageError` if the address can't be listened on."""
    app = make_app(service, tls=address.certificate is not None)
    config = uvicorn.Config(
        app,
        host=address.host,
        port=address.port,
        ssl_certfile=None if address.certificate is None else str(address.certificate),
        ssl_keyfile=None if address.key is None else str(address.key),
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=int(service.settings.drain),
        h11_max_incomplete_event_size=32 * 1024,
        http=Connection,
        ws="none",
        loop="asyncio",  # whose buffers below TLS can be seen, see `leaving`
        lifespan="on",
    )
    logs.set_up()
    for name in ("uvicorn.error", "asyncio"):
        logging.getLogger(name).addFilter(MESSAGES)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    server = Server(config)
    server.listening, server.service = listening, service
    try:
        server.run()
    except (ssl.SSLError, FileNotFoundError) as error:
        raise UsageError(f"the certificate or its key can't be used: {error}") from error
    except SystemExit:
        if service.failed is not None:
            raise service.failed from None
        raise UsageError(f"can't listen on {address.host}:{address.port}; is the port taken?") from None
    if service.failed is not None:
        raise service.failed
