"""Learn, answer and forget texts from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ..backbones.tiny_families import write_tiny
from .conftest import Terminal


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text encoder, a table of texts, and a file."""
    place = tmp_path_factory.mktemp("texts")
    write_tiny(place / "bert", "bert")
    rows = [f"{a}x {a}y {b}{c} {a}z,{a}" for a in "abc" for b in "defgh" for c in "xyz"]
    (place / "words.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    (place / "one.txt").write_text("ax ay az", encoding="utf-8")
    return place


def test_learn_answer_and_forget(folder: Path, terminal: Terminal) -> None:
    model, backbone = folder / "model", ("--backbone", folder / "bert", "--image-size", "5")
    done = terminal(
        "learn", folder / "words.csv", *backbone, "--engine", "exact", "--levels", "2", "--out", model
    )
    assert done.code == 0, done.err
    assert "texts have more than the 5 words (tokens)" in done.err
    found = terminal("predict", model, "--text", "ax ay az", "bx by bz", "--json").json["predictions"]
    assert [row["path"] for row in found] == ["ax ay az", "bx by bz"]
    of_file = terminal("predict", model, folder / "one.txt", "--json").json["predictions"][0]
    assert of_file["probabilities"] == found[0]["probabilities"]
    assert terminal("forget", model, "b", "--yes").code == 0
    again = terminal("predict", model, "--text", "ax ay az", "--json").json["predictions"][0]
    assert set(again["probabilities"]) == {"a", "c"}
    assert terminal("evaluate", model, folder / "words.csv", "--json").code == 0


def test_vectors_of_a_file(tmp_path: Path, terminal: Terminal) -> None:
    X = np.random.default_rng(0).normal(size=(60, 4)) + np.repeat(np.eye(2, 4) * 6, 30, axis=0)
    np.savez(tmp_path / "v.npz", X=X, y=np.repeat(["up", "down"], 30))
    np.save(tmp_path / "new.npy", X[:3])
    model = tmp_path / "model"
    learn = terminal(
        "learn", tmp_path / "v.npz", "--backbone", "features", "--engine", "exact", "--out", model
    )
    assert learn.code == 0, learn.err
    rows = terminal("predict", model, tmp_path / "new.npy", "--json").json["predictions"]
    assert [row["path"] for row in rows] == [f"{tmp_path / 'new.npy'}[{i}]" for i in range(3)]
    assert {row["answer"] for row in rows} == {"up"}


def test_files_or_texts(folder: Path, learned: Path, terminal: Terminal) -> None:
    assert "FILE, or --text TEXT" in terminal("predict", learned).err
    assert "not both" in terminal("predict", learned, folder / "one.txt", "--text", "hi").err
    done = terminal("predict", learned, "--text", "hi")
    assert (done.code, "the backbone reads images, and these are texts" in done.err) == (1, True)
