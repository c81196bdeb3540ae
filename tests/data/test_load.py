from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preforget.core.errors import DataError, UsageError
from preforget.data import load_data
from preforget.data.medmnist import PUBLISHED
from preforget.data.registry import names_of_sets

Arrays = dict[str, np.ndarray]


def test_the_names() -> None:
    published = ["bloodmnist", "chestmnist", "dermamnist", "octmnist", "organcmnist", "organsmnist"]
    assert names_of_sets() == sorted([*published, "digits", "findings", "sounds", "texts", "two-digits"])


def test_digits_by_name() -> None:
    assert load_data("digits").classes == tuple("0123456789")
    assert "seed 5" in load_data("digits", seed=5).note


def test_a_folder_and_an_npz_by_path(
    tmp_path: Path, make_folder: Callable[[dict[str, int]], Path], medmnist_arrays: Arrays
) -> None:
    folder = make_folder({"cat": 3, "dog": 3})
    assert load_data(folder).classes == load_data(str(folder)).classes == ("cat", "dog")
    np.savez(tmp_path / "bloodmnist.npz", **medmnist_arrays)
    data = load_data(tmp_path / "bloodmnist.npz")
    assert data.classes == PUBLISHED["bloodmnist"].classes[:3]
    assert "not the published file" in data.note


def test_a_name_wins_over_a_folder(
    make_folder: Callable[[dict[str, int]], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder({"digits/cat": 3, "digits/dog": 3})
    monkeypatch.chdir(root)
    assert load_data("digits").name == load_data("./digits").name == "digits"
    assert load_data("digits").classes == tuple("0123456789")
    assert load_data("./digits").classes == load_data(Path("digits")).classes == ("cat", "dog")


@pytest.mark.parametrize("source", ["bloodmnits", "gone/folder", "gone.npz", ""])
def test_an_unknown_source_lists_the_names(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        (UsageError, DataError), match=r"data sets are bloodmnist, chestmnist, dermamnist|no sub-folders"
    ):
        load_data(source)


@pytest.mark.parametrize("source", ["a" * 300, "nul\0byte"])
def test_a_path_that_cannot_be_one(source: str) -> None:
    with pytest.raises((DataError, UsageError), match=r"can't be opened|no such file") as caught:
        load_data(source)
    assert len(str(caught.value)) < 250


def test_a_name_with_a_tilde_is_a_name(
    make_folder: Callable[[dict[str, int]], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_folder({"~data/cat": 3, "~data/dog": 3}))
    assert load_data("~data").classes == ("cat", "dog")
    with pytest.raises(UsageError, match="'~gone': no such file"):
        load_data("~gone")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").touch()
    with pytest.raises(DataError, match=r"a\.zip: a file of unknown type"):
        load_data(tmp_path / "a.zip")


def test_sizes_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="octmnist has no size 32; choose one of 28, 64, 128, 224"):
        load_data("octmnist", size=32)
    with pytest.raises(UsageError, match="'digits' has one size only"):
        load_data("digits", size=64)
    with pytest.raises(UsageError, match="has one size only"):
        load_data(tmp_path, size=64)


def test_importing_the_room_stays_light() -> None:
    heavy = "('torch', 'sklearn', 'pooch', 'requests', 'scipy', 'transformers')"
    command = f"import preforget.data, sys; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_subjects_from_folders_and_columns(tmp_path: Path) -> None:
    from PIL import Image

    for label in ("a", "b"):
        for person in ("Ada", "Bob"):
            (tmp_path / "set" / label / "site" / person).mkdir(parents=True)
            for number in range(4):
                image = Image.new("L", (4, 4), number)
                image.save(tmp_path / "set" / label / "site" / person / f"{number}.png")
    found = load_data(tmp_path / "set", subjects=2)
    units = [*found.train.units, *found.validation.units, *found.test.units]
    assert sorted(set(units)) == [("a", "Ada"), ("a", "Bob"), ("b", "Ada"), ("b", "Bob")]
    for path, (_, subject) in zip(found.train.inputs, found.train.units, strict=True):
        assert path.parent.name == subject
    assert {subject for _, subject in load_data(tmp_path / "set", subjects="1").train.units} == {"site"}
    with pytest.raises(DataError, match="no folder of a subject, 3 below the class"):
        load_data(tmp_path / "set", subjects=3)
    for bad in (0, -1, "patient", True, 1.5):
        with pytest.raises(UsageError, match="how many levels below its class"):
            load_data(tmp_path / "set", subjects=bad)  # type: ignore[arg-type]

    arrays: dict[str, np.ndarray] = {}
    drawn = np.random.default_rng(0)
    for part in ("train", "val", "test"):
        arrays[f"{part}_images"] = drawn.integers(256, size=(4, 4, 4), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.array([0, 0, 1, 1])
        arrays[f"{part}_patient"] = np.array([7, 8, 7, 9])
    np.savez(tmp_path / "set.npz", **arrays)
    assert load_data(tmp_path / "set.npz", subjects="patient").test.units == [
        ("0", "7"),
        ("0", "8"),
        ("1", "7"),
        ("1", "9"),
    ]
    assert load_data(tmp_path / "set.npz").test.subjects is None
    with pytest.raises(DataError, match="has no train_person, val_person, test_person"):
        load_data(tmp_path / "set.npz", subjects="person")
    np.savez(tmp_path / "bad.npz", **{**arrays, "val_patient": np.array([0.5] * 4)})
    with pytest.raises(DataError, match=r"val_patient: the subject at position 0 is 0.5"):
        load_data(tmp_path / "bad.npz", subjects="patient")
    with pytest.raises(UsageError, match="doesn't name the subjects of its inputs"):
        load_data("digits", subjects=1)


def test_strict_refuses_copies_unless_they_are_allowed(tmp_path: Path) -> None:
    for n in range(4):
        for c in "ab":
            (tmp_path / c).mkdir(exist_ok=True)
            Image.new("L", (4, 4), 9 * n + 99 * (c == "b")).save(tmp_path / c / f"{n}.png")
    assert load_data(tmp_path, strict=True)
    (tmp_path / "a" / "copy.png").write_bytes((tmp_path / "a" / "0.png").read_bytes())
    assert load_data(tmp_path)
    with pytest.raises(DataError, match=r"1 duplicate, which --strict.*--duplicates FILE"):
        load_data(tmp_path, strict=True)
    assert load_data(tmp_path, strict=True, allow_duplicates=True)
