"""Single files that are forgotten by themselves, and what is left beside a model that never had them."""

from __future__ import annotations

from pathlib import Path

from .conftest import Terminal, write_images
from .test_subjects import EXACT

EACH = (*EXACT[:-1], "each")


def test_files_are_forgotten_by_their_content(tmp_path: Path, tiny_vit: Path, terminal: Terminal) -> None:
    photos = write_images(tmp_path / "photos", {"cat": 16, "dog": 14})
    model = tmp_path / "model"
    done = terminal("learn", photos, "--out", model, "--backbone", tiny_vit, *EACH)
    assert done.code == 0, done.err
    files = sorted((photos / "cat").iterdir())
    moved = tmp_path / "elsewhere.png"
    moved.write_bytes(files[0].read_bytes())
    stranger = tmp_path / "stranger.png"
    stranger.write_bytes(files[0].read_bytes() + b" ")

    refused = terminal("forget", model, "--yes", "--input", stranger)
    assert refused.code == 2
    assert "stranger.png: the model holds no input of this content" in refused.err

    held = [row["images"] for row in terminal("subjects", model, "--json").json["subjects"]]
    assert set(held) == {0, 1}  # held out, or learned from
    for file in files:  # one that was learned or held out, not one of the test part
        done = terminal("forget", model, "--yes", "--input", moved if file == files[0] else file)
        if done.code == 0:
            break
    assert done.code == 0, done.err
    assert "fewer than 5" in done.err or "1 input" in done.err
    check = terminal("verify", model, "--against-retrain", photos, "--subjects", "each", "--device", "cpu")
    assert check.code == 0, check.err
    assert "EQUAL" in check.out


def test_a_model_by_class_names_no_files(tmp_path: Path, model: Path, terminal: Terminal) -> None:
    file = next((write_images(tmp_path / "photos", {"cat": 1}) / "cat").iterdir())
    done = terminal("forget", model, "--yes", "--input", file)
    assert done.code == 2
    assert "--subjects each" in done.err
