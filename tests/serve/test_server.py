from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from preforget.cli.main import main
from preforget.core.errors import UsageError
from preforget.serve.server import Address, Connection

from ..forked import Forked


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9"])
def test_this_machine_needs_neither_tokens_nor_tls(host: str) -> None:
    Address(host).check(has_tokens=False, insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org"])
def test_other_addresses_need_both(host: str) -> None:
    secure = Address(host, 443, Path("c.pem"), Path("k.pem"))
    secure.check(has_tokens=True, insecure=False)
    for address, has_tokens in ((secure, False), (Address(host), True), (Address(host), False)):
        with pytest.raises(UsageError, match="--insecure"):
            address.check(has_tokens=has_tokens, insecure=False)
        address.check(has_tokens=has_tokens, insecure=True)


def test_addresses_for_a_browser() -> None:
    assert Address("::1", 80).url == "http://[::1]:80"
    assert Address("a", 443, Path("c"), Path("k")).url == "https://a:443"


@pytest.mark.parametrize(
    "begin",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: a",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nthe rest",
    ],
)
def test_a_head_or_a_body_that_never_ends_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, begin: bytes
) -> None:
    monkeypatch.setattr(Connection, "patience", 0.05)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def ends() -> bytes:
        loop, (ours, theirs) = asyncio.get_running_loop(), socket.socketpair()
        theirs.settimeout(60)
        config = uvicorn.Config(app, log_config=None, http=Connection, ws="none")
        config.load()
        with theirs:
            await loop.create_connection(
                lambda: Connection(config=config, server_state=ServerState(), app_state={}, _loop=loop),
                sock=ours,
            )
            theirs.sendall(begin)
            said = b""
            while part := await asyncio.to_thread(theirs.recv, 2**16):
                said += part
            return said

    assert asyncio.run(ends())[:12] in (b"", b"HTTP/1.1 204")


def test_why_it_couldnt_start_is_told(model: Path) -> None:
    requests = model.with_name("model.requests")
    requests.mkdir(0o700)
    (requests / f"{'0' * 32}.json").write_text("{}")
    child = Forked(lambda: main(["serve", str(model), "--port", "0", "--device", "cpu"]))
    assert child.wait() != 0
    assert "is damaged, or was not written" in child.said()[1]
