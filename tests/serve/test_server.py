from __future__ import annotations

from pathlib import Path

import pytest

from preforget.core.errors import UsageError
from preforget.serve.server import Address


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
