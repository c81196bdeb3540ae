from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from preforget.core.errors import DataError, UsageError
from preforget.data import load_data

MakeFolder = Callable[[dict[str, int]], Path]


def sizes(root: Path, **options: object) -> tuple[int, int, int, tuple[str, ...]]:
    data = load_data(root, **options)  # type: ignore[arg-type]
    return len(data.train), len(data.validation), len(data.test), data.classes


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Training", "Testing"),
        ("training_set", "test_set"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("TRAIN", "Test"),
        ("birds_train", "birds_test"),
    ],
)
def test_parts_in_many_spellings(make_folder: MakeFolder, train: str, test: str) -> None:
    root = make_folder({f"{part}/{label}": 4 for part in (train, test) for label in "ab"})
    assert sizes(root) == (6, 2, 8, ("a", "b"))


@pytest.mark.parametrize("other", ["seg_pred", "seg_pred/seg_pred", "unlabelled", "to answer/to answer"])
def test_pictures_without_a_class_beside_parts_are_counted(make_folder: MakeFolder, other: str) -> None:
    root = make_folder({**{f"seg_{part}/{c}": 4 for part in ("train", "test") for c in "ab"}, other: 3})
    data = load_data(root)
    assert data.classes == ("a", "b")
    assert data.left_out == (("outside of the classes", 3),)


def test_what_looks_like_parts_in_another_language_is_refused(make_folder: MakeFolder) -> None:
    root = make_folder({f"{part}/{c}": 3 for part in ("entrenamiento", "prueba") for c in "ab"})
    with pytest.raises(
        DataError, match=r"entrenamiento, prueba all hold the same folders, a, b.*--top-classes"
    ):
        load_data(root)
    assert load_data(root, top_classes=True).classes == ("entrenamiento", "prueba")
    persons = load_data(root, subjects=1)
    assert persons.classes == ("entrenamiento", "prueba")
    assert persons.train.subjects is not None


@pytest.mark.parametrize("name", ["train", "Test", "validation"])
def test_a_class_called_like_a_part_may_hold_persons(make_folder: MakeFolder, name: str) -> None:
    root = make_folder({f"{c}/{p}": 4 for c in ("car", name) for p in ("p1", "p2")})
    assert load_data(root, subjects=1).classes == tuple(sorted(["car", name]))


def test_one_folder_in_all_classes_is_no_sign_of_parts(make_folder: MakeFolder) -> None:
    assert load_data(make_folder({"cat/images": 3, "dog/images": 3})).classes == ("cat", "dog")


def test_folders_of_folds(make_folder: MakeFolder) -> None:
    root = make_folder({f"fold{n}/{label}": n + 2 for n in (1, 2, 3) for label in "ab"})
    assert sizes(root)[2:] == (10, ("a", "b"))
    assert sizes(root, fold=1)[2:] == (6, ("a", "b"))
    assert "tested on 2, learned from 1" in load_data(root, folds=[1, 2]).note
    with pytest.raises(UsageError, match="fold 9 is not among"):
        load_data(root, fold=9)


def test_what_is_left_out_is_counted_by_reason(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 3, "dog": 3, "model": 0, "cat/@eaDir": 2, "dog/__MACOSX": 1, "old.audit": 1})
    for name in (
        "cat/Thumbs.db",
        "cat/._000.png",
        "cat/1.xyz",
        "cat/2.xyz",
        "dog/notes",
        "model/preforget.json",
        "top.png",
    ):
        (root / name).write_bytes(b"x")
    data = load_data(root)
    assert data.classes == ("cat", "dog")
    assert dict(data.left_out) == {
        "of the system": 3,
        "hidden": 1,
        "unknown ending .xyz": 2,
        "unknown ending none": 1,
        "of a model or output": 2,
        "outside of the classes": 1,
    }
    with pytest.raises(DataError, match=r"3 of the system, .*--strict"):
        load_data(root, strict=True)
    assert load_data(make_folder({"x/cat": 3, "x/dog": 3}) / "x", strict=True).classes == ("cat", "dog")


def test_background_noise_is_no_class(make_folder: MakeFolder) -> None:
    data = load_data(make_folder({"yes": 3, "no": 3, "_background_noise_": 2}))
    assert data.classes == ("no", "yes")
    assert data.left_out == (("in _background_noise_, which is no class", 2),)


@pytest.mark.parametrize(
    "name",
    [
        "model/preforget.json",
        "cat/inner/preforget.json",
        "old.audit/report.png",
        "Model.learning/state.png",
        "dog/shards/model.safetensors.index.json",
        "half/checkpoint.safetensors",
    ],
)
def test_output_of_ours_is_no_class(make_folder: MakeFolder, name: str) -> None:
    root = make_folder({"cat": 4, "dog": 4})
    (root / name).parent.mkdir(exist_ok=True)
    for file in (root / name, (root / name).with_name("a.png")):
        file.write_bytes(b"x")
    data = load_data(root)
    assert data.classes == ("cat", "dog")
    assert data.left_out == (("of a model or output", 1),)
