from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preforget.classifier import PreForgettableClassifier
from preforget.cli.predict import image_files
from preforget.core.abstain import ABSTAIN
from preforget.core.errors import DataError
from preforget.store import ModelFolder

from .conftest import Terminal, with_manifest


def test_one_line_per_file_says_what_decided(learned: Path, pets: Path, terminal: Terminal) -> None:
    files = [pets / "owl" / "00.png", pets / "cat" / "01.png"]
    done = terminal("predict", learned, *files)
    assert (done.code, done.err) == (0, "")
    found = PreForgettableClassifier.from_pretrained(learned).respond(files)
    assert found.known is not None
    for row, line in enumerate(done.out.splitlines()):
        answer = found.answers[row]
        decided = (found.confidence[row], found.limit[row], 1 - float(found.known[row]))
        said = "abstain" if answer is ABSTAIN else answer
        assert line == "\t".join([str(files[row]), said, *(f"{value:.4f}" for value in decided)])
        assert (answer is ABSTAIN) == (found.confidence[row] < found.limit[row])


@pytest.mark.parametrize("form", ["tsv", "csv", "json"])
def test_formats_say_the_same(learned: Path, pets: Path, terminal: Terminal, form: str) -> None:
    rows = terminal("predict", learned, pets / "owl", "--json").json["predictions"]
    done = terminal("predict", learned, pets / "owl", "--format", form)
    assert done.code == 0
    if form == "json":
        assert done.json["predictions"] == rows
        return
    table = list(csv.DictReader(done.out.splitlines(), delimiter="\t" if form == "tsv" else ","))
    assert [row["path"] for row in table] == [row["path"] for row in rows]
    for cells, row in zip(table, rows, strict=True):
        assert cells["answer"] == (row["answer"] or "")
        assert cells["probability"] == ("" if row["abstained"] else f"{row['probability']:.4f}")
        assert cells["p:owl"] == f"{row['probabilities']['owl']:.4f}"
    assert terminal("predict", learned, pets, "--format", "csv", "--json").code == 2


def test_keep_counts_for_one_request(learned: Path, pets: Path, terminal: Terminal) -> None:
    counts = []
    for keep in ("0.999", "0.5"):
        found = terminal("predict", learned, pets, "--keep", keep, "--json").json
        assert found["keep"] == float(keep)
        counts.append(sum(not row["abstained"] for row in found["predictions"]))
    assert counts[0] > counts[1]
    assert ModelFolder.open(learned).manifest.keep == 0.95
    assert terminal("predict", learned, pets, "--keep", "1").code == 2


def test_a_folder_means_its_images(learned: Path, pets: Path, terminal: Terminal) -> None:
    found = terminal("predict", learned, pets, "--json").json["predictions"]
    assert [entry["path"] for entry in found] == sorted(map(str, pets.rglob("*.png")))
    answered = [
        (Path(entry["path"]).parent.name, entry["answer"]) for entry in found if not entry["abstained"]
    ]
    assert len(answered) > 0.8 * len(found)
    assert np.mean([truth == answer for truth, answer in answered]) > 0.95
    assert all((entry["probability"] is None) == entry["abstained"] for entry in found)
    assert all(sum(entry["probabilities"].values()) == pytest.approx(1, abs=1e-5) for entry in found)


def test_without_a_class_it_is_never_answered(learned: Path, pets: Path, terminal: Terminal) -> None:
    files = sorted((pets / "owl").iterdir())
    done = terminal("predict", learned, *files, "--without", "owl", "--json").json
    assert done["without"] == ["owl"]
    assert all(entry["answer"] != "owl" for entry in done["predictions"])
    assert sum(entry["abstained"] for entry in done["predictions"]) > 10
    none = terminal("predict", learned, files[0], "--without", "owl", "cat", "--without", "dog").out
    assert none == f"{files[0]}\tabstain\t\t\t1.0000\n"


def test_unknown_class_to_leave_out(learned: Path, pets: Path, terminal: Terminal) -> None:
    done = terminal("predict", learned, pets, "--without", "owls")
    assert (done.code, done.out) == (5, "")
    assert "no class 'owls'" in done.err
    assert "did you mean: owl" in done.err


def test_files_are_checked_before_the_model_is_loaded(tmp_path: Path, terminal: Terminal) -> None:
    done = terminal("predict", tmp_path / "no-model", tmp_path / "none.png")
    assert done.code == 2
    assert done.err == f"preforget: {tmp_path / 'none.png'}: no such file\n"


def test_corrupt_images_are_named_and_the_others_answered(
    learned: Path, pets: Path, tmp_path: Path, terminal: Terminal
) -> None:
    for name, content in (("broken.png", (pets / "owl" / "00.png").read_bytes()[:70]), ("empty.jpg", b"")):
        (tmp_path / name).write_bytes(content)
    shutil.copy(pets / "owl" / "01.png", tmp_path / "good.png")
    done = terminal("predict", learned, tmp_path)
    assert (done.code, done.out.count("\n")) == (0, 1)
    assert f"{tmp_path / 'broken.png'}: damaged image" in done.err
    assert f"{tmp_path / 'empty.jpg'}: empty file" in done.err
    strict = terminal("predict", learned, tmp_path, "--strict", "--json")
    assert strict.code == 1
    assert [Path(entry["path"]).name for entry in strict.json["broken"]] == ["broken.png", "empty.jpg"]
    (tmp_path / "good.png").unlink()
    done = terminal("predict", learned, tmp_path)
    assert (done.code, done.out) == (1, "")
    assert "none of the 2 files can be answered" in done.err


def test_no_model(tmp_path: Path, pets: Path, terminal: Terminal) -> None:
    done = terminal("predict", tmp_path / "none", pets)
    assert (done.code, done.out) == (2, "")
    assert "does not exist" in done.err


def test_a_moved_checkpoint(
    tiny_vit: Path, pets: Path, model: Path, tmp_path: Path, terminal: Terminal
) -> None:
    backbone = ModelFolder.open(model).manifest.backbone
    with_manifest(model, backbone={**backbone, "id": str(tmp_path / "old")})
    image = pets / "owl" / "00.png"
    lost = terminal("predict", model, image)
    assert (lost.code, lost.out) == (1, "")
    assert f"backbone folder not found: {tmp_path / 'old'}" in lost.err
    found = terminal("predict", model, image, "--backbone", tiny_vit)
    assert (found.code, found.err) == (0, "")


def test_a_checkpoint_of_another_architecture(
    tiny_vit: Path, pets: Path, learned: Path, tmp_path: Path, terminal: Terminal
) -> None:
    other = shutil.copytree(tiny_vit, tmp_path / "bert")
    config = other / "config.json"
    config.write_text(config.read_text().replace('"model_type": "vit"', '"model_type": "bert"'))
    done = terminal("predict", learned, pets, "--backbone", other)
    assert (done.code, done.out) == (1, "")
    assert "config.json differs" in done.err


def test_a_checkpoint_with_other_weights(
    tiny_vit: Path, pets: Path, learned: Path, tmp_path: Path, terminal: Terminal
) -> None:
    from safetensors.torch import load_file, save_file

    other = shutil.copytree(tiny_vit, tmp_path / "other")
    weights = load_file(other / "model.safetensors")
    name = next(iter(weights))
    weights[name] = weights[name] + 1
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    done = terminal("predict", learned, pets, "--backbone", other)
    assert (done.code, done.out) == (1, "")
    assert "model.safetensors differs" in done.err
    assert "--backbone" in done.err


def test_a_file_name_can_not_steer_the_terminal(
    learned: Path, pets: Path, tmp_path: Path, terminal: Terminal
) -> None:
    odd = tmp_path / "a\tb\x1b[31m.png"
    shutil.copy(pets / "owl" / "00.png", odd)
    done = terminal("predict", learned, odd)
    assert done.out.count("\t") == 4
    assert "\\x1b[31m" in done.out
    assert terminal("predict", learned, odd, "--json").json["predictions"][0]["path"] == str(odd)


def test_hidden_files_are_left_out(tmp_path: Path) -> None:
    for name in ("b.png", "A.PNG", ".hidden.png", "notes.txt", "deep/c.jpg", ".git/d.png"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        Image.new("L", (2, 2)).save(file, format="PNG")
    assert [p.relative_to(tmp_path).as_posix() for p in image_files(tmp_path)] == [
        "A.PNG",
        "b.png",
        "deep/c.jpg",
    ]
    assert image_files(tmp_path / "notes.txt") == [tmp_path / "notes.txt"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no image in this folder"):
        image_files(tmp_path / "empty")


def test_a_shortlist_as_long_as_the_bank_answers_alike(model: Path, pets: Path, terminal: Terminal) -> None:
    every = terminal("predict", model, pets / "cat", "--json").json
    assert terminal("predict", model, pets / "cat", "--shortlist", "3", "--json").json == every
    assert terminal("predict", model, pets / "cat", "--shortlist", "1", "--json").code == 0
    assert terminal("predict", model, pets / "cat", "--shortlist", "-1").code == 2


@pytest.mark.parametrize("form", ["text", "tsv", "csv", "json"])
def test_the_most_probable_classes_go_into_a_file(
    learned: Path, pets: Path, tmp_path: Path, terminal: Terminal, form: str
) -> None:
    rows = terminal("predict", learned, pets / "owl", "--json").json["predictions"]
    best = [sorted(row["probabilities"].items(), key=lambda item: -item[1])[:2] for row in rows]
    file = tmp_path / f"answers.{form}"
    done = terminal("predict", learned, pets / "owl", "--top-k", "2", "--out", file)
    assert (done.code, done.out) == (0, f"{len(rows)} answers written to {file}\n")
    text = file.read_text(encoding="utf-8")
    if form == "json":
        top = [
            [(each["label"], each["probability"]) for each in row["top"]]
            for row in json.loads(text)["predictions"]
        ]
        assert top == best
    elif form == "text":
        shown = [[f"{label} {p:.4f}" for label, p in each] for each in best]
        assert [line.split("\t")[-2:] for line in text.splitlines()] == shown
    else:
        table = list(csv.DictReader(text.splitlines(), delimiter="\t" if form == "tsv" else ","))
        assert [(row["top_1"], row["p_1"], row["top_2"]) for row in table] == [
            (a, f"{p:.4f}", b) for (a, p), (b, _) in best
        ]
        assert "p:owl" not in table[0]


def test_a_file_is_written_whole_or_not_at_all(
    learned: Path, pets: Path, tmp_path: Path, terminal: Terminal
) -> None:
    file = tmp_path / "answers.csv"
    assert (
        terminal("predict", learned, pets / "owl", "--out", file, "--top-k", "99", "--json").json["answers"]
        == 20
    )
    assert len(json.loads(file.read_text())["predictions"][0]["top"]) == 3
    before = file.read_bytes()
    refused = terminal("predict", learned, pets / "owl", "--out", file)
    assert (refused.code, file.read_bytes()) == (2, before)
    assert "is there already" in refused.err
    assert terminal("predict", learned, pets / "owl", "--out", file, "--force").code == 0
    assert file.read_text().startswith("path,answer,probability")
    (tmp_path / "broken.png").write_bytes(b"no image")
    assert terminal("predict", learned, tmp_path / "broken.png", "--out", tmp_path / "new.csv").code == 1
    assert not (tmp_path / "new.csv").exists()
    assert terminal("predict", learned, pets, "--top-k", "0").code == 2
