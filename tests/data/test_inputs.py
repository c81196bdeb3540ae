from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from preforget.core.errors import DataError, UsageError
from preforget.data import Split, as_inputs, as_split, check_trainable
from preforget.data.dataset import label_array
from preforget.data.float_pixels import FloatPixelsWarning
from preforget.data.inputs import CutNumbersWarning

GREY = np.arange(2 * 4 * 5, dtype=np.uint8).reshape(2, 4, 5)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    Image.fromarray(GREY[0]).save(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.mark.parametrize("shape", [(2, 4, 5), (2, 4, 5, 3)])
def test_uint8_arrays_are_not_copied(shape: tuple[int, ...]) -> None:
    X = np.zeros(shape, np.uint8)
    assert as_inputs(X) is X


def test_a_last_axis_of_one_is_dropped() -> None:
    np.testing.assert_array_equal(as_inputs(GREY[..., None]), GREY)


def test_other_integers_in_range_become_uint8() -> None:
    result = as_inputs(GREY.astype(np.int64))
    assert isinstance(result, np.ndarray)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, GREY)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floats_that_plainly_are_grey_levels_become_uint8_with_a_warning(kind: type) -> None:
    X = GREY.astype(kind) * 4 + kind(0.25)
    with pytest.warns(
        FloatPixelsWarning, match="all 2 images hold floating-point numbers, which are read as"
    ):
        np.testing.assert_array_equal(as_inputs(X), GREY * 4)
    with pytest.warns(FloatPixelsWarning):
        np.testing.assert_array_equal(as_inputs([*GREY.astype(kind)]), GREY)


def test_a_list_of_arrays_is_stacked() -> None:
    np.testing.assert_array_equal(as_inputs([GREY[0], GREY[1]]), GREY)


def test_paths_become_path_objects(file: Path) -> None:
    assert as_inputs([file, str(file)]) == [file, file]
    assert as_inputs((file,)) == as_inputs(np.array([str(file)])) == as_inputs(np.array([file])) == [file]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.full((2, 4, 5), 0.5), r"float64 from 0\.5 to 0\.5.*\(X \* 255\)\.round\(\)\.astype\(\"uint8\"\)"),
        (np.full((2, 4, 5), -3.0), r"from -3 to -3.*\(255 \* \(X - -3\) / 1\)"),
        (
            np.full((2, 4, 5), 20.5),
            r"from 20\.5 to 20\.5, and what is white isn't known; .*\(X - 20\.5\) / 1\)",
        ),
        (np.full((2, 4, 5), 255.5), r"from 255\.5 to 255\.5.*\(255 \* "),
        (np.full((4, 5), 0.5), r'is one image.*for rows of features give backbone="features"'),
        (np.array([[[0.0, np.nan], [np.inf, 1]]]), r"2 pixel values are NaN or infinite"),
        (GREY.astype(np.int32) - 1, r"int32 from -1 to 38"),
        (GREY.astype(np.int32) * 10, r"int32 from 0 to 390"),
        (GREY > 3, r"pixels are bool"),
        (GREY.astype(complex), r"pixels are complex"),
        (GREY[0], r"shape \(4, 5\) is one image; write X\[None\]"),
        (np.zeros((4, 5, 3), np.uint8), r"shape \(4, 5, 3\) is one image"),
        (np.zeros(4, np.uint8), r"shape \(4,\) holds no images"),
        (np.zeros((1, 2, 3, 4, 5), np.uint8), r"holds no images"),
        (np.zeros((0, 4, 5), np.uint8), r"no images.*\(0, 4, 5\)"),
        (np.zeros((2, 0, 5), np.uint8), r"images without pixels"),
        (np.zeros((2, 3, 4, 5), np.uint8), r"5 channels.*X\.transpose\(0, 2, 3, 1\)"),
        (np.zeros((2, 4, 5, 4), np.uint8), r"4 channels.*X\[\.\.\., :3\]"),
        (np.array("a.png"), r"shape \(\) is one value"),
        (np.array(3, dtype=np.uint8), r"shape \(\) holds no images"),
        (["a photo of a cat, " * 40], r"^'a photo of a cat.{40,230}: File name too long$"),
        (["a\0b.png"], r"no such file"),
        ("a photo of a cat, " * 40, r"^'a photo of a cat.{40,260}$"),
        ([], r"the list is empty"),
        ("a.png", r"'a\.png' is one path; put it into a list"),
        (Path("a.png"), r"is one path"),
        (3, r"not as int"),
        (None, r"not as NoneType"),
        ([GREY[0], GREY[0, :3]], r"different shapes, \(3, 5\) and \(4, 5\)"),
        ([GREY[0], "a.png"], r"either paths or numpy arrays, not ndarray, str"),
        ([[1, 2], [3, 4]], r"either paths or numpy arrays, not list"),
    ],
)
def test_other_images_are_refused_with_a_remedy(X: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        as_inputs(X)


def test_a_missing_file_is_named(file: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png: no such file"):
        as_inputs([file, file.with_name("gone.png")])


def test_a_folder_among_the_files_is_named(file: Path) -> None:
    with pytest.raises(DataError, match="is a folder, not an image"):
        as_inputs([file.parent])


def test_as_split_brings_both_together(file: Path) -> None:
    split = as_split([file, file], [1, "b"])
    assert split.inputs == [file, file]
    assert split.labels.tolist() == ["1", "b"]


def test_a_name_with_a_tilde_is_a_name(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    file.rename("~1.png")
    assert as_inputs(["~1.png"]) == [Path("~1.png")]
    with pytest.raises(DataError, match=r"~2\.png: no such file"):
        as_inputs(["~2.png"])


@pytest.mark.parametrize(
    "labels", [np.array([3, 4]), [3, 4], ["3", "4"], np.array(["3", "4"]), np.array([[3], [4]])]
)
def test_a_split_built_by_hand_is_converted_as_a_pair_is(labels: Any, file: Path) -> None:
    split = as_split(Split(GREY.astype(int), labels, [7, 8]))  # type: ignore[arg-type]
    assert isinstance(split.inputs, np.ndarray)
    assert split.inputs.dtype == np.uint8
    assert split.units == [("3", "7"), ("4", "8")]
    assert as_split(Split([str(file)] * 2, labels)).inputs == [file, file]  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (Split(GREY / 255, label_array(["a", "b"])), r"pixels are float64 from 0 to"),  # type: ignore[arg-type]
        (Split(np.zeros((2, 3, 4, 5), np.uint8), label_array(["a", "b"])), r"transpose\(0, 2, 3, 1\)"),
        (Split(GREY, label_array([None, "b"])), r"position 0 is missing"),
        (Split(GREY, label_array([" ", "b"])), r"position 0 is empty"),
        (Split([Path("gone.png")], label_array(["a"])), r"gone\.png: no such file"),
        (Split(GREY, label_array(["a", "b"]), label_array(["x", 0.5])), r"subject at position 1 is 0\.5"),
    ],
)
def test_a_split_built_by_hand_is_checked_as_a_pair_is(split: Split, message: str) -> None:
    with pytest.raises(DataError, match=message):
        as_split(split)


def test_as_split_passes_a_checked_split_through() -> None:
    split = Split(GREY, label_array(["a", "b"]))
    assert as_split(split) is split
    assert as_inputs(split) is GREY
    with pytest.raises(UsageError, match="leave y out"):
        as_split(split, ["a", "b"])


def test_as_split_needs_labels_of_the_same_length() -> None:
    with pytest.raises(UsageError, match="labels are missing"):
        as_split(GREY)
    with pytest.raises(DataError, match="2 inputs but 3 labels"):
        as_split(GREY, ["a", "b", "c"])


def split_of(labels: list[str]) -> Split:
    return Split(np.zeros((len(labels), 2, 2), np.uint8), label_array(labels))


def test_two_classes_of_two_images_can_be_learned() -> None:
    assert check_trainable(split_of(["a", "b", "a", "b"])) is None


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "no inputs to learn from"),
        (["a", "a", "a"], "only one class: 'a'"),
        (["a", "a", "b"], "at least 2 inputs; 'b' has 1$"),
        ([str(number) for number in range(13)], "'0' has 1.* and 3 classes more"),
    ],
)
def test_what_cannot_be_learned_is_named(labels: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_trainable(split_of(labels))


def test_subjects_are_checked_as_labels_are() -> None:
    images = np.zeros((2, 2, 2), dtype=np.uint8)
    split = as_split(images, ["a", "b"], [3, "Ada"])
    assert split.subjects is not None
    assert split.subjects.tolist() == ["3", "Ada"]
    again = as_split(split, None, ["x", "y"])
    assert again.units == [("a", "x"), ("b", "y")]
    with pytest.raises(DataError, match=r"the subject at position 1 is missing .*name its subject"):
        as_split(images, ["a", "b"], ["x", None])
    with pytest.raises(DataError, match="subjects come as a list"):
        as_split(images, ["a", "b"], "Ada")


def test_one_class_is_enough_where_it_is_asked_for() -> None:
    assert check_trainable(split_of(["a", "a"]), classes=1) is None
    with pytest.raises(DataError, match="only one class"):
        check_trainable(split_of(["a", "a"]))


@pytest.mark.parametrize("shape", [(4, 8, 8), (4, 8, 8, 1), (4, 8, 8, 3)])
def test_numbers_that_were_cut_are_warned_of(shape: tuple[int, ...]) -> None:
    cut = np.random.default_rng(0).random(shape).round().astype(np.uint8)
    with pytest.warns(CutNumbersWarning, match=r"all 4 images hold no value above 1.*X \* 255"):
        as_split(cut, list("abab"))
    as_split(cut * 255, list("abab"))
    as_split(cut * 0, list("abab"))
