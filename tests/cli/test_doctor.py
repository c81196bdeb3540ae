from __future__ import annotations

from pathlib import Path

import pytest

from preforget.cli import surroundings
from preforget.cli.surroundings import Check

from .conftest import Terminal


def test_text_and_json_say_the_same(monkeypatch: pytest.MonkeyPatch, terminal: Terminal) -> None:
    checks = [Check("clock", True, "now"), Check("disk", False, "full\x1b", "make room")]
    monkeypatch.setattr(surroundings, "surroundings", lambda keyring: checks)
    done = terminal("doctor")
    assert (done.code, done.err) == (1, "")
    assert done.out == "ok    clock  now\nMEND  disk   full\\x1b\n             make room\n"
    found = terminal("doctor", "--json").json
    assert found["ok"] is False
    assert found["checks"][1] == {"name": "disk", "ok": False, "value": "full\x1b", "remedy": "make room"}


def test_a_keyring_that_cannot_be_used_is_to_be_mended(tmp_path: Path, terminal: Terminal) -> None:
    (tmp_path / "file").touch()
    done = terminal("doctor", "--keyring", tmp_path / "file")
    assert done.code == 1
    assert "MEND  keyring" in done.out
