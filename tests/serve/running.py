"""`preforget serve` in a process of its own."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import requests

from preforget.cli.main import main
from preforget.serve.tokens import Tokens

from ..forked import Forked

PATIENCE = 120.0
"""Seconds in which a service must be ready, and in which what a test waits for must have come."""


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait until something is so; fail with `what` if that takes too long."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.01)


class Running:
    """A service on a port of its own, with an officer's token."""

    def __init__(self, model: Path, *options: str, authority: Path | None = None) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.url = f"http{'' if authority is None else 's'}://127.0.0.1:{self.port}"
        self._verify = True if authority is None else str(authority)
        file = model.with_name("tokens.json")
        tokens = Tokens()
        tokens.path = file
        self.token = tokens.add("officer")
        self.headers = {"Authorization": f"Bearer {self.token}"}
        self._arguments = [
            "serve",
            str(model),
            "--port",
            str(self.port),
            "--tokens",
            str(file),
            "--device",
            "cpu",
        ]
        self._arguments += options
        self.child = Forked(lambda: main(self._arguments))

    def wait(self) -> None:
        """Wait until it is ready."""
        end = time.monotonic() + PATIENCE
        while self.child.poll() is None:
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{self.url}/v2/health/ready", timeout=10, verify=self._verify).ok:
                    return
            if time.monotonic() > end:
                self.child.end_with_stacks()
                break
            time.sleep(0.01)
        raise AssertionError(self.child.said())

    def again(self) -> None:
        """Start it once more, after its end, and wait until it is ready."""
        self.child = Forked(lambda: main(self._arguments))
        self.wait()


@contextlib.contextmanager
def running(model: Path, *options: str, authority: Path | None = None) -> Iterator[Running]:
    """Serve a model, and end the service at the end whatever happens; `authority`: certificates that vouch for it."""
    service = Running(model, *options, authority=authority)
    try:
        service.wait()
        yield service
    finally:
        service.child.send(signal.SIGKILL)
        service.child.said()
