"""One file of keys: read again when it has changed, and refused when it isn't what was written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from preforget.core.errors import IntegrityError, StoreError
from preforget.store.key_page import KeyPage, KeyState

MODEL, RECORD = "0" * 32, "ab" + "1" * 30
STATE = KeyState(MODEL, {RECORD: "A" * 43 + "="}, {}, None, frozenset([RECORD]), "", "ab", 3)


@pytest.fixture
def page(tmp_path: Path) -> KeyPage:
    return KeyPage(tmp_path, MODEL, None, "ab")


def test_what_was_written_is_read_by_others_too(page: KeyPage, tmp_path: Path) -> None:
    other = KeyPage(tmp_path, MODEL, None, "ab")
    assert other.read() == KeyState(MODEL, digits="ab")
    page.write(STATE)
    assert page.read() == other.read() == STATE
    other.write(replace(STATE, turn=4))
    assert page.read().turn == 4
    assert page.path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_may_read_is_refused_also_if_it_was_read_before(page: KeyPage) -> None:
    page.write(STATE)
    page.path.chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        page.read()


@pytest.mark.parametrize(
    "changes",
    [
        {"page": "ac"},
        {"page": "xyz"},
        {"turn": -1},
        {"turn": "3"},
        {"turn": True},
        {"extra": 1},
        {"format": 2},
        {"keys": {RECORD: "A" * 44}},
        {"keys": {RECORD: "A" * 42 + "=="}},
        {"keys": {RECORD: "A" * 42 + "-="}},
        {"keys": {RECORD: "A" * 42 + "=", "ab" + "2" * 30: "A" * 44 + "="}},
        {"keys": {RECORD: "=" + "A" * 42 + "="}},
        {"keys": {RECORD: ["A"] * 44}},
        {"keys": {RECORD: 1}},
    ],
)
def test_another_content_is_refused(page: KeyPage, changes: dict[str, object]) -> None:
    page.write(STATE)
    values = {**json.loads(page.path.read_bytes()), **changes}
    del values["checksum"]
    rest = json.dumps(values, sort_keys=True, separators=(",", ":"))
    checksum = hashlib.sha256(rest.encode()).hexdigest()
    page.path.write_text(f'{{"checksum":"sha256:{checksum}",{rest[1:]}')
    with pytest.raises(IntegrityError):
        page.read()
