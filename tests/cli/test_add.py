from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from preforget.classifier import PreForgettableClassifier

from .conftest import LEARN, Terminal

Files = Callable[[Path], dict[str, bytes]]


def test_a_class_comes_back_and_the_others_keep_their_bits(
    model: Path, pets: Path, terminal: Terminal, files_in: Files
) -> None:
    images = sorted(pets.rglob("*.png"))
    assert terminal("forget", model, "dog", "--yes").code == 0
    scores, before = PreForgettableClassifier.from_pretrained(model).scores(images), files_in(model)
    done = terminal("add", model, "dog", pets, "--json")
    assert done.code == 0
    found = done.json
    assert found["added"] == "dog"
    assert found["classes"] == ["cat", "dog", "owl"]
    assert found["test_images"] == 12
    assert found["accuracy"] >= 0.9
    again = PreForgettableClassifier.from_pretrained(model).scores(images)
    assert again[:, [0, 2]].tobytes() == scores.tobytes()
    after = files_in(model)
    kept = [name for name in set(before) & set(after) if name.startswith("records/")]
    assert len(kept) == 2  # the scores of validation inputs are others
    assert all(after[name] == before[name] for name in kept)
    assert len(after) == len(before) + 1


def test_people_get_a_text_and_a_cache_may_lie_on_disk(
    model: Path, pets: Path, tmp_path: Path, terminal: Terminal
) -> None:
    assert terminal("forget", model, "dog", "--yes").code == 0
    done = terminal("add", model, "dog", pets, "--cache-dir", tmp_path / "cache", "--seed", "1")
    assert done.code == 0
    assert done.out.startswith("added dog in ")
    assert "3 classes answer now" in done.out.splitlines()[0]
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_paper_engine_says_what_it_does_not_do(
    pets: Path, tiny_vit: Path, tmp_path: Path, terminal: Terminal
) -> None:
    model = tmp_path / "model"
    learn = (
        "learn",
        pets,
        "--out",
        model,
        "--backbone",
        tiny_vit,
        "--engine",
        "paper",
        *LEARN,
        "--epochs",
        "2",
    )
    assert terminal(*learn).code == 0
    assert terminal("forget", model, "dog", "--yes").code == 0
    done = terminal("add", model, "dog", pets)
    assert done.code == 0
    assert "the adapter that all classes share stays as it is" in done.err


def test_a_known_class_is_not_added_again(
    model: Path, pets: Path, terminal: Terminal, files_in: Files
) -> None:
    before = files_in(model)
    done = terminal("add", model, "dog", pets)
    assert (done.code, done.out) == (2, "")
    assert "already has class 'dog'; forget it first" in done.err
    assert files_in(model) == before


@pytest.mark.parametrize(
    ("label", "counts", "code", "message"),
    [
        ("cow", None, 1, "the data hold no input of 'cow'; they have: cat, dog, owl"),
        (
            "cow",
            {"cow": 6, "hen": 6},
            1,
            "must also hold inputs of classes that the model knows, such as 'cat'",
        ),
        ("cow", {"cow": 1, "cat": 6}, 1, "each class needs at least 2 inputs; 'cow' has 1"),
        ("cow", {"cow": 6}, 1, "must also hold inputs of classes that the model knows"),
    ],
)
def test_data_that_do_not_fit_change_nothing(
    label: str,
    counts: dict[str, int] | None,
    code: int,
    message: str,
    model: Path,
    pets: Path,
    tmp_path: Path,
    terminal: Terminal,
    files_in: Files,
    make_images: Callable[[Path, dict[str, int]], Path],
) -> None:
    data = pets if counts is None else make_images(tmp_path / "data", counts)
    before = files_in(model)
    done = terminal("add", model, label, data)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert files_in(model) == before


def test_a_corrupt_image_changes_nothing(
    model: Path, pets: Path, tmp_path: Path, terminal: Terminal, files_in: Files
) -> None:
    data = Path(shutil.copytree(pets, tmp_path / "data"))
    assert terminal("forget", model, "dog", "--yes").code == 0
    before = files_in(model)
    for image in (data / "dog").iterdir():
        image.write_bytes(image.read_bytes()[:60])
    done = terminal("add", model, "dog", data)
    assert (done.code, done.out) == (1, "")
    assert "damaged image" in done.err
    assert files_in(model) == before


def test_a_full_disk_leaves_the_model_as_it_was(
    model: Path,
    pets: Path,
    terminal: Terminal,
    files_in: Files,
    full_disk: Callable[[int], AbstractContextManager[None]],
) -> None:
    assert terminal("forget", model, "dog", "--yes").code == 0
    before = {name: text for name, text in files_in(model).items() if name.startswith("records")}
    with full_disk(4096):
        done = terminal("add", model, "dog", pets)
    assert (done.code, done.out) == (1, "")
    assert "File too large" in done.err or "the disk is full" in done.err
    assert {name: text for name, text in files_in(model).items() if name.startswith("records")} == before
    assert [c["label"] for c in terminal("classes", model, "--json").json["classes"]] == ["cat", "owl"]


def test_no_model_and_no_data(model: Path, tmp_path: Path, pets: Path, terminal: Terminal) -> None:
    assert terminal("add", tmp_path / "none", "dog", pets).code == 2
    missing = terminal("add", model, "dog", tmp_path / "none")
    assert missing.code == 2
    assert "no such file, folder or data set" in missing.err


@pytest.fixture
def sums(pets: Path, tiny_vit: Path, tmp_path: Path, terminal: Terminal) -> Path:
    """A model of the exact engine."""
    learn = (
        "learn",
        pets,
        "--out",
        tmp_path / "sums",
        "--backbone",
        tiny_vit,
        "--engine",
        "exact",
        "--levels",
        "1",
    )
    assert terminal(*learn, "--device", "cpu").code == 0
    return tmp_path / "sums"


def test_several_classes_further_inputs_and_one_class_of_two(
    sums: Path, pets: Path, terminal: Terminal
) -> None:
    assert terminal("forget", sums, "dog", "owl", "--yes").code == 0
    both = terminal("add", sums, "dog", "owl", pets, "--json").json
    assert both["added"] == ["dog", "owl"]
    assert both["classes"] == ["cat", "dog", "owl"]
    more = terminal("add", "--more", sums, "owl", pets)
    assert (more.code, more.out.startswith("added further inputs of owl in ")) == (0, True)
    merged = terminal("add", sums, "--into", "cat", "--from", "dog")
    assert (merged.code, merged.out) == (0, "dog is part of cat now; 2 classes answer\n")
    events = [row["event"] for row in terminal("ledger", "show", sums, "--json").json["entries"]]
    assert events[-3:] == ["add", "more", "merge"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "give LABEL and DATA"),
        (["dog"], 2, "give LABEL and DATA"),
        (["--into", "cat"], 2, "belong together"),
        (["--from", "cat"], 2, "belong together"),
        (["dog", "--into", "cat", "--from", "owl"], 2, "leave LABEL and DATA out"),
        (["--into", "cat", "--from", "owl", "--more"], 2, "takes none"),
        (["--into", "cat", "--from", "emu"], 5, "no class 'emu'"),
        (["--into", "cat", "--from", "owl"], 2, "the isolated engine can't make one class of two"),
    ],
)
def test_what_does_not_go_together(
    model: Path, terminal: Terminal, files_in: Files, arguments: list[str], code: int, message: str
) -> None:
    before = files_in(model)
    done = terminal("add", model, *arguments)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert files_in(model) == before
