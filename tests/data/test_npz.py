from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.data.load import load_data
from preforget.data.medmnist import PUBLISHED
from preforget.data.npz import load_npz

Arrays = dict[str, np.ndarray]


def save(path: Path, arrays: Arrays) -> Path:
    np.savez_compressed(path, **arrays)
    return path


@pytest.mark.parametrize("shape", [(-1, 28, 28), (-1, 14, 56), (-1, 28, 28, 1)])
def test_numbers_become_class_names(tmp_path: Path, medmnist_arrays: Arrays, shape: tuple[int, ...]) -> None:
    shaped = {key: a.reshape(shape) if key.endswith("images") else a for key, a in medmnist_arrays.items()}
    data = load_npz(save(tmp_path / "cells.npz", shaped))
    assert data.name == "cells"
    assert data.classes == ("0", "1", "2")
    assert [len(data.train), len(data.validation), len(data.test)] == [12, 3, 6]
    assert data.test.labels.tolist() == ["0", "1", "2"] * 2
    np.testing.assert_array_equal(data.train.inputs, shaped["train_images"].reshape(12, *shape[1:3]))


def test_numbers_are_ordered_as_numbers(tmp_path: Path, medmnist_arrays: Arrays) -> None:
    medmnist_arrays["train_labels"] = np.array([[2, 1, 0, 10, 9, 11] * 2], np.int64).T
    data = load_npz(save(tmp_path / "cells.npz", medmnist_arrays))
    assert data.classes == ("0", "1", "2", "9", "10", "11")


def test_labels_may_be_flat(tmp_path: Path, medmnist_arrays: Arrays) -> None:
    flat = {key: a[:, 0] if key.endswith("labels") else a for key, a in medmnist_arrays.items()}
    assert load_npz(save(tmp_path / "cells.npz", flat)).classes == ("0", "1", "2")


@pytest.mark.parametrize("stem", ["octmnist", "octmnist_64"])
def test_a_known_name_brings_class_names(tmp_path: Path, medmnist_arrays: Arrays, stem: str) -> None:
    data = load_npz(save(tmp_path / f"{stem}.npz", medmnist_arrays))
    assert data.classes == PUBLISHED["octmnist"].classes[:3]
    assert data.train.labels[1] == "diabetic macular edema"
    assert "class names of OCTMNIST, but not the published file" in data.note


def test_floats_from_0_to_1_are_scaled(tmp_path: Path, medmnist_arrays: Arrays) -> None:
    floats = {key: a / np.float32(255) if key.endswith("images") else a for key, a in medmnist_arrays.items()}
    data = load_npz(save(tmp_path / "cells.npz", floats))
    np.testing.assert_array_equal(data.train.inputs, medmnist_arrays["train_images"])


def damaged(key: str, value: Any) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        arrays[key] = value

    return change


PIXELS = np.zeros((12, 28, 28), np.uint8)
WITH_NAN = np.where(np.arange(12 * 28 * 28).reshape(12, 28, 28) < 5, np.nan, 0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("val_labels"), "has no val_labels; the layout needs train_images"),
        (damaged("train_images", PIXELS[:5]), "5 train_images but 12 train_labels"),
        (damaged("train_images", PIXELS[0]), "train_images: .*is one image"),
        (damaged("train_images", np.zeros((12, 28, 28, 28), np.uint8)), "train_images: .* 28 channels"),
        (damaged("train_images", np.zeros((12, 20, 20), np.uint8)), "images of different shapes"),
        (damaged("train_images", WITH_NAN), "train_images: 5 pixel values are NaN"),
        (damaged("train_images", WITH_NAN.astype(np.float32) * 9), "train_images: 5 pixel values are NaN"),
        (damaged("train_images", PIXELS + 2.5), "train_images: pixels are float64 from 2.5 to 2.5"),
        (damaged("train_images", PIXELS.astype(object)), "train_images can't be read: .*allow_pickle"),
        (damaged("train_labels", np.full((12, 1), None)), "train_labels can't be read"),
        (damaged("train_labels", np.zeros((12, 14), int)), "train_labels mark no image with any label"),
        (damaged("train_labels", np.zeros((12, 1))), "train_labels: the label at position 0 is 0.0"),
        (damaged("train_labels", np.array(["a", "b"] * 6)), "train_labels: .*not whole numbers"),
        (damaged("train_labels", np.full((12, 1), -1)), "train_labels: label -1 is negative"),
        (damaged("test_labels", np.full((6, 1), 7)), "test part has inputs of '7'"),
        (damaged("val_images", PIXELS[:0]), "val_images: there are no images"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, medmnist_arrays: Arrays, change: Callable[[Arrays], Any], message: str
) -> None:
    change(medmnist_arrays)
    with pytest.raises(DataError, match=r"cells(\.npz)?: .*" + message):
        load_npz(save(tmp_path / "cells.npz", medmnist_arrays))


def test_more_classes_than_the_known_set_has(tmp_path: Path, medmnist_arrays: Arrays) -> None:
    medmnist_arrays["train_labels"][3] = 4
    with pytest.raises(DataError, match="train_labels: label 4, but OCTMNIST has 4 classes"):
        load_npz(save(tmp_path / "octmnist.npz", medmnist_arrays))


def test_archives_that_are_none(tmp_path: Path, medmnist_arrays: Arrays) -> None:
    path = tmp_path / "cells.npz"
    for content in (b"", b"hello", b"PK\x03\x04 and then nothing"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"cells\.npz: not a readable \.npz archive"):
            load_npz(path)
    with path.open("wb") as file:
        np.save(file, PIXELS)
    with pytest.raises(DataError, match=r"not a readable \.npz archive"):
        load_npz(path)
    with pytest.raises(DataError, match=r"gone\.npz: can't be read: No such file"):
        load_npz(tmp_path / "gone.npz")


def test_a_truncated_or_altered_archive_is_refused(tmp_path: Path, medmnist_arrays: Arrays) -> None:
    path = save(tmp_path / "cells.npz", medmnist_arrays)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"cells\.npz"):
        load_npz(path)
    middle = len(content) // 3
    path.write_bytes(content[:middle] + bytes(50) + content[middle + 50 :])
    with pytest.raises(DataError, match=r"cells\.npz: \w+ can't be read"):
        load_npz(path)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "sizes", "classes"),
    [("bloodmnist", [11_959, 1_712, 3_421], 8), ("dermamnist", [4_189, 597, 1_198], 7)],
)
def test_rebuilt_files(shared_data: Path, name: str, sizes: list[int], classes: int) -> None:
    data = load_npz(shared_data / f"{name}.npz")
    assert [len(data.train), len(data.validation), len(data.test)] == sizes
    assert data.classes == PUBLISHED[name].classes
    assert len(data.classes) == classes
    assert "not the published file" in data.note


def test_the_layout_of_chestmnist(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 12), ("val", 4), ("test", 4)):
        arrays[f"{part}_images"] = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        arrays[f"{part}_labels"] = rng.integers(0, 2, (count, 14), dtype=np.uint8)
    arrays["train_labels"][0] = [1, 0, 1, *[0] * 11]
    np.savez(tmp_path / "chestmnist.npz", **arrays)
    data = load_npz(tmp_path / "chestmnist.npz")
    assert data.train.labels[0] == ("atelectasis", "effusion")
    assert data.classes[:3] == ("atelectasis", "cardiomegaly", "effusion")
    (tmp_path / "chestmnist.npz").rename(tmp_path / "own.npz")
    assert load_npz(tmp_path / "own.npz").train.labels[0] == ("0", "2")


def test_images_that_are_in_two_parts_are_counted_or_refused(
    tmp_path: Path, medmnist_arrays: dict[str, np.ndarray]
) -> None:
    medmnist_arrays["test_images"][0] = medmnist_arrays["train_images"][3]
    path = save(tmp_path / "cells.npz", medmnist_arrays)
    with pytest.raises(
        DataError, match=r"1 input is the same in several parts(?s:.*)train_images\[3\] and test_im"
    ):
        load_data(path)
    data = load_data(path, allow_duplicates=True)
    assert data.remarks[0].startswith("1 input is there more than once")
    named = save(tmp_path / "bloodmnist.npz", medmnist_arrays)
    assert len(load_data(named).repeated) == 1


def test_floats_that_were_cut_are_said(tmp_path: Path, medmnist_arrays: dict[str, np.ndarray]) -> None:
    cut = {key: value // 255 if key.endswith("images") else value for key, value in medmnist_arrays.items()}
    remarks = load_data(save(tmp_path / "cut.npz", cut), allow_duplicates=True).remarks
    assert remarks[-1].endswith(
        "cut.npz: 21 of 21 images (100.0 %) hold no value above 1, as if numbers from 0 to 1 had been cut to whole "
        "ones, such as train_images[0]"
    )


@pytest.mark.parametrize(("colour", "part"), [(0, "train"), (255, "val"), (90, "test")])
def test_images_of_one_colour_are_named_with_their_share(
    tmp_path: Path, medmnist_arrays: dict[str, np.ndarray], colour: int, part: str
) -> None:
    medmnist_arrays[f"{part}_images"][2] = colour
    remarks = load_data(save(tmp_path / "plain.npz", medmnist_arrays)).remarks
    assert remarks[-1].endswith(
        f"1 of 21 images (4.8 %) are of one colour all over, such as {part}_images[2]"
    )


def test_images_of_a_colour_that_is_not_grey_are_of_one_colour(
    tmp_path: Path, medmnist_arrays: Arrays
) -> None:
    coloured = {
        key: np.repeat(value[..., None], 3, 3) if key.endswith("images") else value
        for key, value in medmnist_arrays.items()
    }
    coloured["train_images"][4] = (200, 0, 10)
    (said,) = load_data(save(tmp_path / "c.npz", coloured)).remarks
    assert said.endswith("1 of 21 images (4.8 %) are of one colour all over, such as train_images[4]")


def test_images_that_look_alike_are_counted(tmp_path: Path, medmnist_arrays: Arrays) -> None:
    medmnist_arrays["test_images"][1] = np.minimum(medmnist_arrays["train_images"][2], 250) + 1
    data = load_data(save(tmp_path / "near.npz", medmnist_arrays), allow_duplicates=True)
    assert [(group.kind, [copy.place for copy in group.copies]) for group in data.repeated] == [
        ("near", ["train_images[2]", "test_images[1]"])
    ]
    assert data.remarks[0].startswith("1 picture looks like others")


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("parts", [("train", "val", "test"), ("test",)])
def test_floats_from_0_to_255_are_read_and_said(
    tmp_path: Path, medmnist_arrays: Arrays, kind: type, parts: tuple[str, ...]
) -> None:
    images = {f"{part}_images" for part in parts}
    floats = {key: value.astype(kind) if key in images else value for key, value in medmnist_arrays.items()}
    data = load_data(save(tmp_path / "floats.npz", floats))
    np.testing.assert_array_equal(data.test.inputs, medmnist_arrays["test_images"])
    np.testing.assert_array_equal(data.train.inputs, medmnist_arrays["train_images"])
    count = sum(len(floats[key]) for key in images)
    assert f"{count} of 21 images" in data.remarks[-1]
    assert f"read as grey levels from 0 to 255, rounded, such as {parts[0]}_images[0]" in data.remarks[-1]


def test_a_dark_part_of_floats_is_read_as_the_others_are(tmp_path: Path, medmnist_arrays: Arrays) -> None:
    floats = {key: value * 1.0 if key.endswith("images") else value for key, value in medmnist_arrays.items()}
    floats["val_images"] = floats["val_images"] / 300
    data = load_data(save(tmp_path / "dark.npz", floats))
    assert data.validation.inputs.max() <= 1
    floats["val_images"] -= 1
    with pytest.raises(DataError, match=r"dark\.npz: "):
        load_data(save(tmp_path / "dark.npz", floats))


def test_a_black_part_of_floats_tells_no_scale(tmp_path: Path, medmnist_arrays: Arrays) -> None:
    floats = {key: value / 20 if key.endswith("images") else value for key, value in medmnist_arrays.items()}
    floats["val_images"] = np.zeros_like(floats["val_images"])
    with pytest.raises(DataError, match=r"black\.npz: train_images: "):
        load_data(save(tmp_path / "black.npz", floats))
