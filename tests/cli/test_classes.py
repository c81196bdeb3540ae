from __future__ import annotations

import shutil
from pathlib import Path

from preforget.engines.isolated import IsolatedEngine
from preforget.store import ModelFolder

from .conftest import Terminal, with_manifest


def test_one_line_per_class(learned: Path, terminal: Terminal) -> None:
    done = terminal("classes", learned)
    assert (done.code, done.err) == (0, "")
    assert done.out == "cat  live      parametric\ndog  live      parametric\nowl  live      parametric\n"


def test_detached_classes_and_json(model: Path, terminal: Terminal) -> None:
    assert terminal("detach", model, "dog").code == 0
    done = terminal("classes", model, "--json")
    assert done.json == {
        "model": str(model),
        "engine": "isolated",
        "guarantee": "parametric",
        "meaning": IsolatedEngine.meaning,
        "classes": [
            {"label": "cat", "state": "live"},
            {"label": "dog", "state": "detached"},
            {"label": "owl", "state": "live"},
        ],
    }
    assert "dog  detached  parametric\n" in terminal("classes", model).out


def test_the_backbone_is_not_needed(model: Path, terminal: Terminal) -> None:
    backbone = ModelFolder.open(model).manifest.backbone
    with_manifest(model, backbone={**backbone, "id": "gone-vit"})
    assert terminal("classes", model).code == 0


def test_a_model_without_classes(model: Path, terminal: Terminal) -> None:
    assert terminal("forget", model, "cat", "dog", "owl", "--yes").code == 0
    assert terminal("classes", model).out == ""
    assert terminal("classes", model, "--json").json["classes"] == []


def test_what_is_no_model(model: Path, tmp_path: Path, terminal: Terminal) -> None:
    (tmp_path / "empty").mkdir()
    cut = shutil.copytree(model, tmp_path / "cut")
    next((cut / "records").iterdir()).unlink()
    for folder, message, code in (
        ("none", "does not exist; make a model with: preforget learn", 2),
        ("empty", "is not a model folder", 1),
        ("cut", "is incomplete", 3),
    ):
        done = terminal("classes", tmp_path / folder)
        assert (done.code, done.out) == (code, "")
        assert message in done.err
        assert done.err.count("\n") == 1
