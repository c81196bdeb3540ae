from __future__ import annotations

import shutil
from pathlib import Path

from preforget.store import ModelFolder

from .conftest import Terminal, with_manifest


def test_what_a_model_is_in_text_without_a_name(model: Path, terminal: Terminal) -> None:
    assert terminal("detach", model, "dog").code == 0
    assert terminal("copies", model, "--add", "backup", "/vault/of/Ada").code == 0
    done = terminal("info", model)
    assert (done.code, done.err) == (0, "")
    assert "isolated; forgetting is parametric" in done.out
    assert "3 classes, 1 of them detached, 0 persons, in 4 records" in done.out
    assert "licence: unknown" in done.out
    assert "copies     backup\n" in done.out
    rows = list(ModelFolder.open(model).ledger.entries())
    assert done.out.splitlines()[-1].split() == [str(rows[-1].seq), rows[-1].time, rows[-1].event]
    for name in ("cat", "dog", "owl", "Ada"):
        assert name not in done.out.replace("detached", "")


def test_the_same_for_machines_and_without_the_backbone(model: Path, terminal: Terminal) -> None:
    backbone = ModelFolder.open(model).manifest.backbone
    with_manifest(model, backbone={**backbone, "id": "gone-vit"})
    info = terminal("info", model, "--json").json
    assert {name: info[name] for name in ("classes", "detached", "persons", "records", "sealed")} == {
        "classes": 3,
        "detached": 0,
        "persons": 0,
        "records": 4,  # and the scores of validation inputs
        "sealed": False,
    }
    assert info["encoder"]["id"] == "gone-vit"
    assert info["encoder"]["licence"] == "unknown"
    assert info["changes"][0]["seq"] == 1
    assert terminal("info", model.with_name("none")).code == 2


def test_the_licence_that_the_encoders_files_state(
    tmp_path: Path, tiny_vit: Path, pets: Path, terminal: Terminal
) -> None:
    encoder = Path(shutil.copytree(tiny_vit, tmp_path / "encoder"))
    (encoder / "README.md").write_text(
        "---\nlicense: cc-by-nc-nd-4.0\ntags: [pathology]\n---\n# An encoder\n"
    )
    model = tmp_path / "model"
    words = ("learn", pets, "--out", model, "--engine", "exact", "--levels", 1, "--backbone", encoder)
    assert terminal(*words, "--device", "cpu").code == 0
    shutil.rmtree(encoder)
    assert "licence: cc-by-nc-nd-4.0" in terminal("info", model).out
    assert terminal("info", model, "--json").json["encoder"]["licence"] == "cc-by-nc-nd-4.0"
