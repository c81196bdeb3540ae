from __future__ import annotations

from pathlib import Path

from .conftest import Terminal


def test_detached_and_attached_is_as_before(model: Path, pets: Path, terminal: Terminal) -> None:
    before = terminal("predict", model, pets, "--json").json
    assert terminal("detach", model, "dog", "cat").code == 0
    assert terminal("attach", model, "dog", "--json").json == {
        "model": str(model),
        "live": ["dog", "owl"],
        "detached": ["cat"],
    }
    assert terminal("attach", model, "cat").out == "attached  cat\n"
    assert terminal("predict", model, pets, "--json").json == before


def test_a_class_that_was_never_detached(model: Path, terminal: Terminal) -> None:
    assert terminal("attach", model, "dog", "--json").json["live"] == ["cat", "dog", "owl"]


def test_unknown_and_forgotten_labels(model: Path, terminal: Terminal) -> None:
    assert terminal("attach", model, "cow").code == 5
    assert terminal("forget", model, "dog", "--yes").code == 0
    done = terminal("attach", model, "dog")
    assert (done.code, done.out) == (5, "")
    assert "already forgotten" in done.err


def test_no_model(tmp_path: Path, terminal: Terminal) -> None:
    assert terminal("attach", tmp_path, "dog").code == 1
