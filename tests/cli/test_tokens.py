from __future__ import annotations

from pathlib import Path

from .conftest import Terminal


def test_a_token_is_made_listed_and_revoked(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    text = terminal("tokens", "add", file, "viewer", "--note", "dashboard").out.strip()
    assert terminal("tokens", "add", file, "officer").code == 0
    listed = terminal("tokens", "list", file, "--json").json["tokens"]
    assert [token["role"] for token in listed] == ["viewer", "officer"]
    assert text.startswith(f"pf_{listed[0]['id']}_")
    assert terminal("tokens", "revoke", file, listed[0]["id"]).code == 0
    assert listed[0]["id"] not in terminal("tokens", "list", file).out


def test_roles_and_ids_that_are_missing(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal("tokens", "add", tmp_path / "t").code == 2
    assert terminal("tokens", "add", tmp_path / "t", "king").code == 2
    assert terminal("tokens", "list", tmp_path / "t").code == 1
