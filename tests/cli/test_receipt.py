from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from preforget.engines.isolated import IsolatedEngine
from preforget.erasure.receipt import PREDICATE_TYPE, Receipt, payload_of, sign_receipt
from preforget.store.keyring import open_keyring

from .conftest import COLOURS, Terminal

VOID = {"meta", "br", "hr", "img", "link", "input"}
REASON = 'request <b>7</b> & "more"'


@pytest.fixture
def at(tmp_path: Path) -> tuple[str, Path]:
    return "--keyring", tmp_path / "own keyring"


@pytest.fixture
def receipt(model: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path) -> Path:
    """The receipt of one class, copied out of the model."""
    file = tmp_path / "receipt.json"
    assert terminal("copies", model, "--add", "hub", "somebody/model", *at).code == 0
    done = terminal("forget", model, "dog", "--yes", "--reason", REASON, "--receipt", file, *at)
    assert done.code == 0, done.err
    return file


@pytest.fixture
def public(receipt: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path) -> Path:
    """The key that signed, as an auditor gets it."""
    assert receipt.exists()
    file = tmp_path / "signer.pub.pem"
    assert terminal("keys", "show", "--public", file, *at).code == 0
    return file


class Page(HTMLParser):
    """Reads a page, and complains about an element that isn't closed where it must be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [str(value) for name, value in attrs if name in {"src", "href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data


def test_text_for_people(receipt: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    done = terminal("receipt", receipt, *at)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    predicate = payload_of(receipt.read_bytes())["predicate"]
    assert lines[0] == f"erased     a class: 2 records, {predicate['finished']}"
    assert lines[1] == f"guarantee  parametric: {IsolatedEngine.meaning}"
    assert "check      files: passed, 2 of 2 files are gone" in lines
    assert any(
        re.match(r"check      scan: passed, [\d,]+ bytes of the folder searched", line) for line in lines
    )
    copy = predicate["copies"][0]
    assert f"copy       hub {copy['id'][:8]}: {copy['status']}, {copy['detail']}" in lines
    assert f"request    {REASON}" in lines
    assert [line[11:] for line in lines if line.startswith("no claim ")] == predicate["notClaimed"]
    assert re.fullmatch("signed by  sha256:[0-9a-f]{64}", lines[-1])


def test_json(receipt: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    found = terminal("receipt", receipt, *at, "--json").json
    assert set(found) == {"key", "statement"}
    envelope = json.loads(receipt.read_bytes())
    assert found["statement"] == json.loads(base64.b64decode(envelope["payload"]))
    assert found["key"] == envelope["signatures"][0]["keyid"]
    assert found["key"] == terminal("keys", "show", *at, "--json").json["current"]
    assert found["statement"]["predicateType"] == PREDICATE_TYPE


def test_a_page_that_is_whole_by_itself(
    receipt: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "receipt.html"
    file.write_text("an older page")
    assert terminal("receipt", receipt, "--html", file, *at).code == 2
    assert file.read_text() == "an older page"
    done = terminal("receipt", receipt, "--html", file, *at, "--force")
    assert done.code == 0
    text = file.read_text(encoding="utf-8")
    assert text.lstrip().startswith("<!DOCTYPE html>")
    page = Page(text)
    assert page.tags.count("html") == page.tags.count("body") == page.tags.count("title") == 1
    assert {"img", "link", "iframe"}.isdisjoint(page.tags)
    assert page.tags.count("script") == 1  # the verifier
    assert "b" not in page.tags  # what the request says is text
    assert page.links == []
    shown = " ".join(page.text.split())
    predicate = payload_of(receipt.read_bytes())["predicate"]
    for part in (
        REASON,
        predicate["erasure"],
        predicate["records"][0]["id"],
        predicate["model"]["id"],
        "All checks after the erasure passed.",
        "When this page was made, the signature held.",
        "out of our control",
        *predicate["notClaimed"],
    ):
        assert part in shown
    assert terminal("receipt", receipt, "--html", file, *at, "--force", "--json").json["key"] in text


def test_no_label_anywhere(receipt: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    texts = [
        terminal("receipt", receipt, "--html", file, *at).out,
        terminal("receipt", receipt, *at, "--json").out,
    ]
    texts += [file.read_text(encoding="utf-8"), payload_of(receipt.read_bytes()).__repr__()]
    for label in COLOURS:
        assert not any(re.search(rf"\b{label}\b", text) for text in texts)


def test_a_page_that_can_not_be_written(
    receipt: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path
) -> None:
    for place in (tmp_path / "nowhere" / "page.html", tmp_path):
        done = terminal("receipt", receipt, "--html", place, *at)
        assert (done.code, done.out) == (2, "")
        assert "is no plain file" in done.err or "make that folder first" in done.err


def test_a_page_does_not_replace_the_receipt(receipt: Path, at: tuple[str, Path], terminal: Terminal) -> None:
    before = receipt.read_bytes()
    done = terminal("receipt", receipt, "--html", receipt, *at)
    assert (done.code, done.out) == (2, "")
    assert receipt.read_bytes() == before


# --- whose signature


def test_an_auditor_needs_the_public_key_alone(
    receipt: Path, public: Path, terminal: Terminal, tmp_path: Path
) -> None:
    nothing = tmp_path / "nothing"
    done = terminal("receipt", receipt, "--public-key", public, "--keyring", nothing)
    assert done.code == 0
    assert not nothing.exists()
    done = terminal("receipt", receipt, "--keyring", nothing)
    assert (done.code, done.out) == (2, "")
    assert f"no key to check the signature with in {nothing}; give one with --public-key" in done.err
    assert not nothing.exists()


def test_another_key(receipt: Path, public: Path, terminal: Terminal, tmp_path: Path) -> None:
    other, file = tmp_path / "other", tmp_path / "other.pub.pem"
    assert terminal("keys", "make", "--keyring", other, "--public", file).code == 0
    for args in (("--keyring", other), ("--public-key", file)):
        for more in ((), ("--json",), ("--html", tmp_path / "page.html")):
            done = terminal("receipt", receipt, *args, *more)
            assert (done.code, done.out) == (3, "")
            assert done.err.count("\n") == 1
    assert not (tmp_path / "page.html").exists()
    assert terminal("receipt", receipt, "--public-key", file, "--public-key", public).code == 0


def test_keys_that_are_none(
    receipt: Path, public: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path
) -> None:
    private = at[1] / "signing" / "current.pem"
    (tmp_path / "text").write_text("no key")
    for file, code, message in (
        (private, 2, "holds a private key; give the public one"),
        (tmp_path / "text", 3, "is no public key in PEM form"),
        (tmp_path / "nowhere", 1, "can't be read: No such file or directory"),
    ):
        done = terminal("receipt", receipt, "--public-key", file)
        assert (done.code, done.out) == (code, "")
        assert message in done.err


# --- files that are not what was signed


def test_a_changed_bit(receipt: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path) -> None:
    content, page = receipt.read_bytes(), tmp_path / "page.html"
    bits = [0, 8 * len(content) - 1, *random.Random(0).choices(range(8 * len(content)), k=40)]
    for bit in bits:
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        receipt.write_bytes(changed)
        done = terminal("receipt", receipt, "--html", page, *at)
        assert (done.code, done.out) == (3, ""), bit
        assert done.err.count("\n") == 1
    assert not page.exists()
    receipt.write_bytes(content)
    assert terminal("receipt", receipt, *at).code == 0


def test_a_nicer_receipt_under_the_old_signature(
    receipt: Path, at: tuple[str, Path], terminal: Terminal
) -> None:
    envelope = json.loads(receipt.read_bytes())
    payload = base64.b64decode(envelope["payload"]).replace(b'"parametric"', b'"exact"')
    envelope["payload"] = base64.b64encode(payload).decode()
    receipt.write_text(json.dumps(envelope))
    done = terminal("receipt", receipt, *at)
    assert (done.code, done.out) == (3, "")


@pytest.mark.parametrize("content", [b"", b"{}", b"no json", b"[" * 100_000, bytes(4 * 2**20 + 1)])
def test_what_is_no_receipt(receipt: Path, at: tuple[str, Path], terminal: Terminal, content: bytes) -> None:
    receipt.write_bytes(content)
    done = terminal("receipt", receipt, *at)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("preforget: ")


def test_a_missing_file(receipt: Path, at: tuple[str, Path], terminal: Terminal, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.json"
    for place, message in (
        (missing, f"there is no receipt {missing}; give the file that"),
        (tmp_path, f"{tmp_path} can't be read: "),
    ):
        done = terminal("receipt", place, *at)
        assert (done.code, done.out) == (1, "")
        assert message in done.err


# --- receipts that are less pleasant


@pytest.fixture
def altered(receipt: Path, at: tuple[str, Path]) -> Callable[..., Path]:
    """Sign the receipt with other contents, by the right key."""

    def sign(**changes: object) -> Path:
        found = Receipt.from_statement(payload_of(receipt.read_bytes()))
        signer = open_keyring(at[1]).signing.current()
        receipt.write_bytes(sign_receipt(replace(found, **changes), signer))  # type: ignore[arg-type]
        return receipt

    return sign


def test_a_check_that_failed_is_not_hidden(
    altered: Callable[..., Path], at: tuple[str, Path], terminal: Terminal, tmp_path: Path
) -> None:
    file = altered(checks=[{"name": "scan", "passed": False, "detail": "found in x"}])
    done = terminal("receipt", file, "--html", tmp_path / "page.html", *at)
    assert done.code == 0
    assert "check      scan: FAILED, found in x" in done.out
    shown = " ".join(Page((tmp_path / "page.html").read_text()).text.split())
    assert "1 check after the erasure failed: something may still be there." in shown
    assert "All checks after the erasure passed" not in shown


def test_grounds_are_shown_to_people(
    altered: Callable[..., Path], at: tuple[str, Path], terminal: Terminal
) -> None:
    done = terminal("receipt", altered(request={"reference": None, "grounds": "Art. 17 (1) b GDPR"}), *at)
    assert "request    " not in done.out
    assert "Art. 17 (1) b GDPR" in done.out


def test_marks_that_steer_a_page_are_escaped(
    altered: Callable[..., Path], at: tuple[str, Path], terminal: Terminal, tmp_path: Path
) -> None:
    evil = "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}"
    file = altered(
        request={"reference": evil, "grounds": evil},
        checks=[{"name": evil[:40], "passed": True, "detail": evil}],
        not_claimed=[evil],
    )
    assert terminal("receipt", file, "--html", tmp_path / "page.html", *at).code == 0
    page = Page((tmp_path / "page.html").read_text())
    assert "img" not in page.tags
    assert page.tags.count("script") == 1  # the verifier
    assert page.text.count(evil) == 4
