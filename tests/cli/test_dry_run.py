from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .conftest import Terminal

Files = Callable[[Path], dict[str, bytes]]


def test_a_dry_run_says_what_would_change_and_changes_nothing(
    model: Path, pets: Path, terminal: Terminal, files_in: Files
) -> None:
    before = files_in(model)
    done = terminal("forget", model, "dog", "--dry-run", "--on", pets, "--json")
    assert done.code == 0
    assert (done.json["classes_before"], done.json["classes_after"]) == (3, 2)
    answers = done.json["answers"]
    assert 0 < answers["changed"] <= answers["inputs"]
    assert "this was a dry run" in done.err
    assert files_in(model) == before
    assert terminal("forget", model, "dog", "--on", pets, "--yes").code == 2
