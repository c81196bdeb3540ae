"""Any command on a model removes what a killed `learn` left in the same folder."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from preforget.classifier.unfinished import checkpoint_beside
from preforget.store.keyring import open_keyring

from .conftest import Terminal

WEEK = 7 * 24 * 3600


@pytest.fixture
def left(model: Path) -> Path:
    """A sealed checkpoint beside a model, of another model that was never made."""
    with checkpoint_beside(model.with_name("other"), sealed=True, keyring=open_keyring()) as checkpoint:
        checkpoint.write(b"learned so far")
    return checkpoint.path


def make_old(path: Path) -> None:
    os.utime(path, (time.time() - WEEK - 60,) * 2)


@pytest.mark.parametrize("command", ["classes", "info", "subjects"])
def test_a_checkpoint_goes_after_a_week_with_a_line(
    model: Path, left: Path, terminal: Terminal, command: str
) -> None:
    before = terminal(command, model)
    assert (before.code, left.exists()) == (0, True)
    assert "learning" not in before.err
    make_old(left)
    done = terminal(command, model)
    assert (done.code, done.out) == (0, before.out)
    assert (
        f"removed the checkpoint of a learning that was cut off 7 days ago or more: {left.parent}" in done.err
    )
    assert not left.parent.exists()
    assert f"learning-{left.stem}" not in open_keyring().models()


def test_an_unfinished_model_goes_at_once(model: Path, terminal: Terminal) -> None:
    unfinished = model.with_name(".other.unfinished")
    shutil.copytree(model, unfinished)
    done = terminal("classes", model)
    assert done.code == 0
    assert f"removed what a learning that was cut off left unfinished: {unfinished}" in done.err
    assert not unfinished.exists()


def test_it_is_discarded_when_asked(
    model: Path, left: Path, terminal: Terminal, files_in: Callable[[Path], dict[str, bytes]]
) -> None:
    before = files_in(model)
    other = model.with_name("other")
    done = terminal("learn", "--discard", "--out", other)
    assert (done.code, done.out) == (0, f"removed    {left.parent}\n")
    assert not left.parent.exists()
    assert f"learning-{left.stem}" not in open_keyring().models()
    assert terminal("learn", "--discard", "--out", other, "--json").json == {
        "model": str(other),
        "removed": [],
    }
    assert files_in(model) == before


@pytest.mark.parametrize(
    ("given", "message"), [([], "required: DATA"), (["digits", "--discard"], "leave DATA out")]
)
def test_data_or_discard(terminal: Terminal, tmp_path: Path, given: list[str], message: str) -> None:
    done = terminal("learn", *given, "--out", tmp_path / "model")
    assert (done.code, message in done.err) == (2, True)


def test_a_command_for_a_model_that_is_nowhere(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal("classes", tmp_path / "none" / "model").code == 2
