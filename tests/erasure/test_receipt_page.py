"""The page of a receipt: it says the main thing first, it is well-formed, and nothing of the receipt can act."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.erasure.receipt import Receipt, payload_of
from preforget.erasure.receipt_page import page
from preforget.erasure.verify_page import verifier

VECTORS = Path(__file__).parents[2] / "docs" / "class-erasure" / "vectors"
KEY_ID = json.loads((VECTORS / "key.json").read_bytes())["keyid"]
SMALL, LARGE = (
    Receipt.from_statement(payload_of((VECTORS / f"{name}.receipt.json").read_bytes()))
    for name in ("class", "subject")
)
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Tags must balance; keeps tags, attributes and the text of each element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"}:
            self.texts.append((self.open[-1], data))

    @property
    def text(self) -> str:
        """All that is to be read, on one line."""
        return " ".join("".join(data for _, data in self.texts).split())

    def count(self) -> Counter[str]:
        return Counter(tag for tag, _ in self.tags)


@pytest.mark.parametrize("receipt", [SMALL, LARGE], ids=["class", "subject"])
@pytest.mark.parametrize("checked", [True, False])
def test_form(receipt: Receipt, checked: bool) -> None:
    html = page(receipt, KEY_ID, checked)
    assert html.startswith('<!DOCTYPE html>\n<html lang="en">\n')
    found = Page(html)
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch("h[1-6]", tag)]
    assert levels == [1, 2, 2, 2, 2, 2]
    assert all(attrs.get("scope") in {"col", "row"} for tag, attrs in found.tags if tag == "th")
    count = found.count()
    assert count["main"] == count["title"] == 1
    assert count["script"] == 1
    assert count["link"] == count["img"] == count["iframe"] == 0
    ids = [str(attrs["id"]) for _, attrs in found.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    naming = ("aria-labelledby", "aria-describedby", "for")
    named = {str(attrs[name]) for _, attrs in found.tags for name in naming if name in attrs}
    assert named == set(ids) - {"verifier-result"}
    times = [str(attrs["datetime"]) for tag, attrs in found.tags if tag == "time"]
    assert times == [receipt.finished, receipt.begun, receipt.finished]


@pytest.mark.parametrize("receipt", [SMALL, LARGE], ids=["class", "subject"])
def test_nothing_is_loaded_and_the_verifier_alone_acts(receipt: Receipt) -> None:
    html = page(receipt, KEY_ID, checked=True)
    parts = verifier()
    assert f"script-src {parts.script_source}; " in html
    shown = html.replace(f"<script>{parts.script}</script>", "")
    assert "<script" not in shown
    assert not re.search(r"https?:|url\(|@import|@font-face|javascript:", shown)
    for _, attrs in Page(html).tags:
        assert not {"src", "href", "action", "style"} & set(attrs)
        assert not any(name.startswith("on") for name in attrs)
    assert "default-src 'none'" in html
    for query in ("prefers-color-scheme: dark", "@media print", "max-width: 30rem", "width=device-width"):
        assert query in html


def test_the_main_thing_comes_first() -> None:
    text = Page(page(SMALL, KEY_ID, checked=True)).text
    lead = "One class was erased from this model on 2026-01-31 12:00:00 UTC: 1 record destroyed, "
    assert text.startswith(
        f"Receipt of the erasure {SMALL.erasure[:8]} Receipt of an erasure {lead}"
        f"with a guarantee that is parametric. {SMALL.guarantee['meaning']} All checks after the erasure passed. "
        "When this page was made, the signature held."
    )
    places = [
        text.index(part)
        for part in ("Checks after", "Copies elsewhere", "What is not claimed", "How to verify")
    ]
    assert places == sorted(places)
    assert "preforget verify RECEIPT MODEL" in text
    assert KEY_ID in text
    assert "No copies were entered" in text
    assert "request 2026-118" in text


def test_what_is_wrong_is_said() -> None:
    text = Page(page(LARGE, KEY_ID, checked=False)).text
    assert "1 check after the erasure failed: something may still be there." in text
    assert "All checks" not in text
    assert "The signature was not checked" in text
    assert "the signature held" not in text
    assert "One subject was erased" in text
    assert "3 records destroyed" in text
    assert "1,099,511,631,872 bytes" in text
    assert ", after an interruption" in text
    assert "scan failed 8,192 bytes searched" in text
    assert "4membership no threshold" in text


def test_everything_is_there() -> None:
    text = Page(page(LARGE, KEY_ID, checked=True)).text
    said = [*(copy["id"][:8] for copy in LARGE.copies), *(copy["kind"] for copy in LARGE.copies)]
    said += [record["id"] for record in LARGE.records] + LARGE.not_claimed + LARGE.method
    said += [LARGE.erasure, LARGE.model["id"], LARGE.ledger["hash"], LARGE.request["reference"]]
    assert [part for part in said if part not in text] == []


ATTACKS = [
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "\"' onload='x",
    "{{ 7*7 }}{% raw %}",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_everything_is_escaped(attack: str) -> None:
    plain: dict[str, Any] = {
        "request": {"reference": attack, "grounds": attack},
        "guarantee": {"name": attack, "meaning": attack},
        "checks": [{"name": attack, "passed": True, "detail": attack}],
        "copies": [{"id": attack, "kind": attack, "status": attack, "detail": attack}],
        "audits": [{"seq": attack, "hash": attack, "kind": attack, "passed": None}],
        "not_claimed": [attack],
        "method": [attack],
        "tool": {"name": attack, "version": attack},
        "erasure": attack,
        "what": attack,
        "begun": attack,
        "finished": attack,
        "ledger": {"seq": attack, "hash": attack},
    }
    benign = {name: _replaced(value, attack, "benign") for name, value in plain.items()}
    found, expected = (Page(page(replace(LARGE, **v), v["erasure"], checked=True)) for v in (plain, benign))
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in expected.tags]
    assert [set(attrs) for _, attrs in found.tags] == [set(attrs) for _, attrs in expected.tags]
    assert found.text.count(attack) >= 15


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(inner, old, new) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, old, new) for inner in value]
    return new if value == old else value


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp"]), max_size=500))
@settings(max_examples=30, deadline=None)
def test_any_reference_is_read_as_it_was_given(reference: str) -> None:
    found = Page(
        page(replace(SMALL, request={"reference": reference, "grounds": None}), KEY_ID, checked=True)
    )
    assert ("dd", reference) in found.texts or reference == ""


def test_no_reference() -> None:
    found = Page(page(replace(SMALL, request={"reference": None, "grounds": None}), KEY_ID, checked=True))
    assert found.text.count("none given") == 2
