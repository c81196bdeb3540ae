"""`learn --on`, whose model equals one that was learned here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Terminal, write_images
from .test_subjects import EXACT

LEARN = (*EXACT[:-2],)


def is_equal(model: Path, photos: Path, terminal: Terminal) -> bool:
    check = terminal("verify", model, "--against-retrain", photos, "--device", "cpu")
    assert check.code == 0, check.err
    return "EQUAL" in check.out


def test_one_worker_of_this_machine(tmp_path: Path, tiny_vit: Path, terminal: Terminal) -> None:
    photos, model = write_images(tmp_path / "photos", {"cat": 20, "dog": 18}), tmp_path / "model"
    words = ("learn", photos, "--out", model, "--backbone", tiny_vit, *LEARN)
    done = terminal(*words, "--on", "processes", "--workers", 1, "--seal", "--json")
    assert done.code == 0, done.err
    assert done.json["classes"] == ["cat", "dog"]
    assert terminal("copies", model, "--json").json["copies"] == []
    assert is_equal(model, photos, terminal)


def test_what_can_not_be_asked_for(
    tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("learn", "digits", "--out", tmp_path / "model", "--engine", "exact")
    for more, reason in (
        (("--on", "spark"), "choose one of: processes"),
        (("--on", "torchrun"), "wasn't started by torchrun"),
        (("--on", "ray", "--shards", "1/2"), "give one of them"),
        (("--on", "torchrun", "--workers", 2), "leave it out"),
    ):
        refused = terminal(*words, *more)
        assert (refused.code, reason in refused.err) == (2, True), refused.err
    monkeypatch.setitem(sys.modules, "ray", None)  # what an installation without the extra finds
    refused = terminal(*words, "--on", "ray")
    assert (refused.code, "pip install 'preforget[ray]'" in refused.err) == (2, True)
    assert not (tmp_path / "model").exists()


@pytest.mark.cluster
def test_two_processes_of_torchrun(tmp_path: Path, tiny_vit: Path, terminal: Terminal) -> None:
    photos, model = write_images(tmp_path / "photos", {"cat": 20, "dog": 18}), tmp_path / "model"
    options = ["--backbone", str(tiny_vit), *map(str, LEARN), "--on", "torchrun", "--json"]
    learn = ["-m", "preforget.cli.main", "learn", str(photos), "--out", str(model), *options]
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *learn],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"classes"') == 1
    assert is_equal(model, photos, terminal)
