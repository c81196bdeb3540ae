"""The page that checks receipts, in a real browser: it must judge every file as the Python verifier does."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from preforget.erasure.dsse import MAX_BYTES

from .conftest import answer, ask, ask_all
from .forgeries import (
    FORGERIES,
    GOOD,
    LARGE,
    PAYLOAD,
    PEM,
    SEVERAL,
    SIGNER,
    STRANGER,
    VECTORS,
    python_says,
    signed,
)

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser


def test_page_and_python_judge_alike(opened: Callable[..., Page]) -> None:
    """All test vectors and all forgeries, with the reason for which they are refused."""
    vectors = {
        entry["name"]: entry["file"].encode() for entry in json.loads((VECTORS / "invalid.json").read_bytes())
    }
    cases = {"class": GOOD, "subject": LARGE, "several": SEVERAL, **FORGERIES}
    cases |= {f"vector: {name}": content for name, content in vectors.items()}
    said = dict(zip(cases, ask_all(opened(), list(cases.values())), strict=True))
    assert said == {name: python_says(content) for name, content in cases.items()}
    assert {name for name, verdict in said.items() if verdict == "valid"} == {
        "class", "subject", "several", "500 characters beyond the basic plane", "251 pairs of surrogates in 502 units",
        "29 February in 2028", "the year 1", "the year 9999", "ends when it begins", "texts that are markup",
        "names equal after NFC",
    }  # fmt: skip


def test_changed_bits(opened: Callable[..., Page]) -> None:
    contents = []
    for position in range(0, len(GOOD) * 8, 401):  # 401 is prime: every bit of a byte has its turn
        changed = bytearray(GOOD)
        changed[position // 8] ^= 1 << position % 8
        contents.append(bytes(changed))
    said = ask_all(opened(), contents)
    assert said == [python_says(content) for content in contents]
    assert "valid" not in said


def test_several_keys(opened: Callable[..., Page]) -> None:
    both = signed(PAYLOAD, SIGNER, STRANGER)
    page = opened(key=PEM + STRANGER.public_pem.decode())
    assert ask(page, both) == python_says(both, SIGNER, STRANGER) == "valid"
    assert STRANGER.key_id in page.inner_text("#verifier-result")
    page.fill("#verifier-key", STRANGER.public_pem.decode())
    assert answer(page) == python_says(both, STRANGER) == "key"


def test_a_file_that_is_too_large(opened: Callable[..., Page]) -> None:
    page = opened()
    page.evaluate("size => take([new File([new Uint8Array(size)], 'x')], 'receipt')", MAX_BYTES + 1)
    assert answer(page) == python_says(bytes(MAX_BYTES + 1)) == "file"


# --- keys, and browsers that can't check


def pem(key: Any, private: bool = False) -> str:
    """Write any key as PEM."""
    if private:
        return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def spki(point: bytes) -> str:
    """Write 32 bytes as the PEM of an Ed25519 public key."""
    body = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + point).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"


SMALL_ORDER = [
    bytes(32), b"\1" + bytes(31), b"\1" + bytes(30) + b"\x80", b"\xec" + b"\xff" * 30 + b"\x7f",
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
]  # fmt: skip


def test_keys_that_are_none(opened: Callable[..., Page]) -> None:
    page = opened(key="")
    assert ask(page, GOOD) == "empty"
    elliptic, own = generate_ec(SECP256R1()), Ed25519PrivateKey.from_private_bytes(bytes(32))
    for key, words in (
        (pem(own, private=True), "private key"),
        (PEM + pem(own, private=True), "private key"),
        (pem(elliptic), "no Ed25519 public key"),
        (PEM + pem(elliptic), "no Ed25519 public key"),
        (spki(bytes(31)), "no Ed25519 public key"),
        (spki(bytes(33)), "no Ed25519 public key"),
        ("no key", "no public key in PEM form"),
        (PEM[:-12], "no public key in PEM form"),
        (PEM + "-----BEGIN CERTIFICATE-----", "no public key in PEM form"),
        (PEM.replace("MC", "M C", 1)[:40], "no public key in PEM form"),
        *((spki(point), "small order") for point in SMALL_ORDER),
    ):
        page.fill("#verifier-key", key)
        assert answer(page) == "unchecked"
        assert words in page.inner_text("#verifier-result")
        assert "Nothing was checked." in page.inner_text("#verifier-result")
    page.fill("#verifier-key", f"  \n{PEM.replace(chr(10), chr(13) + chr(10))}\n")
    assert answer(page) == "valid"


@pytest.mark.parametrize(
    "without",
    [
        "delete Crypto.prototype.subtle",
        "SubtleCrypto.prototype.importKey = async () => { throw new DOMException('', 'NotSupportedError') }",
        "SubtleCrypto.prototype.verify = async () => true",
        "SubtleCrypto.prototype.verify = async () => false",
    ],
)
def test_a_browser_that_can_not_check_says_so(
    context: BrowserContext, files: dict[str, str], without: str
) -> None:
    page = context.new_page()
    page.add_init_script(without)
    page.goto(files["verify"])
    assert answer(page) == "unchecked"
    page.fill("#verifier-key", PEM)
    assert ask(page, GOOD) == "unchecked"
    assert "This browser can't check Ed25519 signatures." in page.inner_text("#verifier-result")


def test_a_rule_that_the_page_does_not_know_is_no_pass(opened: Callable[..., Page]) -> None:
    page = opened()
    page.evaluate("SCHEMA.properties.predicate.properties.erasure.format = 'uuid'")
    assert ask(page, GOOD) == "unchecked"
