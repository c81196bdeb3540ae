from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ..demo.conftest import Thin, thin
from .conftest import Terminal

__all__ = ["thin"]


def test_one_json_object_and_nothing_else_on_stdout(
    tiny_vit: Path, tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, thin: Thin
) -> None:
    thin(8)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = terminal("demo", "--out", tmp_path / "out", "--backbone", tiny_vit, "--epochs", 2, "--json")
    assert done.code == 0
    assert done.json["forgotten"] == "3"
    assert done.json["picture"] is None
    assert "no picture, since matplotlib is missing; get it with: pip install 'preforget[plot]'" in done.err
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["demo.json", "model"]


def fake(monkeypatch: pytest.MonkeyPatch, result: dict[str, Any]) -> dict[str, Any]:
    """Put a demo that takes no time in the place of the real one; return what it was called with."""
    called: dict[str, Any] = {}

    def run(out: Path, **options: Any) -> dict[str, Any]:
        called.update(options, out=out)
        options["say"]("a story")
        return result

    monkeypatch.setattr("preforget.demo.run.run", run)
    return called


KEPT = {
    "retained_scores_identical": True,
    "forgotten_answered": 0,
    "reloaded_scores_identical": True,
    "scores_identical_after_adding_back": True,
    "sequence": [],
    "picture": "demo.png",
}


def test_a_story_by_default(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    called = fake(monkeypatch, KEPT)
    done = terminal("demo")
    assert (done.code, done.out, done.err) == (0, "a story\n", "")
    assert (called["out"], called["forget"], called["seed"], called["backbone"]) == (
        Path("demo-output"),
        None,
        0,
        None,
    )
    assert called["modality"] == "image"
    assert called["epochs"] is None


def test_a_broken_promise_is_exit_code_3(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, {**KEPT, "forgotten_answered": 2})
    done = terminal("demo", "--forget", "5", "--json")
    assert done.code == 3
    assert done.json["forgotten_answered"] == 2
    assert "please report this" in done.err


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--forget", "ten"], 5, "no class 'ten'"),
        (["--epochs", "0"], 2, "epochs must be a whole number of at least 1"),
        (["--image-size", "7"], 2, "not a multiple of the patch size"),
        (["--backbone", "./none"], 1, "backbone folder not found: ./none"),
    ],
)
def test_errors(options: list[str], code: int, message: str, tmp_path: Path, terminal: Terminal) -> None:
    done = terminal("demo", "--out", tmp_path / "out", *options)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_a_place_that_can_not_be_made(tmp_path: Path, terminal: Terminal) -> None:
    (tmp_path / "file").write_text("mine")
    done = terminal("demo", "--out", tmp_path / "file" / "out")
    assert (done.code, done.out) == (1, "")
    assert "can't be made: Not a directory" in done.err
