from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from .conftest import Terminal

Files = Callable[[Path], dict[str, bytes]]


def test_a_detached_class_is_not_answered(
    model: Path, pets: Path, terminal: Terminal, files_in: Files
) -> None:
    before = files_in(model)
    done = terminal("detach", model, "dog", "cat", "--json")
    assert done.json == {"model": str(model), "live": ["owl"], "detached": ["cat", "dog"]}
    after = files_in(model)
    assert {name for name in before if before[name] != after[name]} == {"preforget.json", "ledger.sqlite3"}
    found = terminal("predict", model, pets / "dog", "--json").json["predictions"]
    assert all(entry["answer"] in (None, "owl") for entry in found)
    assert terminal("detach", model, "owl").out == "detached  owl\n"


def test_twice_is_as_once(model: Path, terminal: Terminal) -> None:
    assert terminal("detach", model, "dog").code == 0
    assert terminal("detach", model, "dog", "--json").json["detached"] == ["dog"]


@pytest.mark.parametrize("label", ["cow", "Dog", ""])
def test_unknown_labels_change_nothing(label: str, model: Path, terminal: Terminal, files_in: Files) -> None:
    before = files_in(model)
    done = terminal("detach", model, "cat", label)
    assert (done.code, done.out) == (5, "")
    assert f"no class {label!r}" in done.err
    assert files_in(model) == before


def test_a_forgotten_class_can_not_be_detached(model: Path, terminal: Terminal) -> None:
    assert terminal("forget", model, "dog", "--yes").code == 0
    assert terminal("detach", model, "dog").code == 5


def test_a_full_disk_changes_nothing(
    model: Path, terminal: Terminal, files_in: Files, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    before = files_in(model)
    with full_disk(100):
        done = terminal("detach", model, "dog")
    assert (done.code, done.out) == (1, "")
    assert "File too large" in done.err or "the disk is full" in done.err
    assert files_in(model) == before


def test_no_model(tmp_path: Path, terminal: Terminal) -> None:
    assert terminal("detach", tmp_path, "dog").code == 1
