from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from preforget.erasure.verify_page import verify_page

from .conftest import Terminal


def test_the_page_and_its_digest(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = terminal("verify-page")
    content = Path("verify.html").read_bytes()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert (done.code, done.err) == (0, "")
    assert done.out == f"verify.html  {digest}\n"
    assert content == verify_page().encode()
    again = terminal("verify-page", "--out", "other.html", "--json")
    assert again.json == {"page": "other.html", "digest": digest}


def test_a_file_that_is_there_is_kept(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "verify.html"
    file.write_text("mine")
    done = terminal("verify-page", "--out", file)
    assert (done.code, done.out) == (2, "")
    assert "give --force to replace it" in done.err
    assert file.read_text() == "mine"
    assert terminal("verify-page", "--out", file, "--force").code == 0
    assert file.read_text(encoding="utf-8") == verify_page()


def test_what_is_no_plain_file_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for place in (tmp_path, tmp_path / "pipe", tmp_path / "link", Path("/dev/null")):
        done = terminal("verify-page", "--out", place, "--force")
        assert (done.code, done.out) == (2, "")
        assert f"{place} is no plain file" in done.err
    done = terminal("verify-page", "--out", tmp_path / "nowhere" / "verify.html")
    assert (done.code, done.out) == (2, "")
    assert "nowhere does not exist; make that folder first" in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]
