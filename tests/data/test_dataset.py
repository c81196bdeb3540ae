from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.data import Dataset, Split
from preforget.data.dataset import label_array, refuse_unlearnable


@pytest.fixture
def pixels() -> Split:
    return Split(np.arange(4 * 2 * 2, dtype=np.uint8).reshape(4, 2, 2), label_array(["a", "b", "a", "c"]))


@pytest.fixture
def files() -> Split:
    return Split([Path(f"{number}.png") for number in range(4)], label_array(["a", "b", "a", "c"]))


def test_select_by_mask_and_by_position_agree(pixels: Split) -> None:
    by_mask = pixels.select(np.array([True, False, False, True]))
    by_position = pixels.select([0, 3])
    assert by_mask.labels.tolist() == by_position.labels.tolist() == ["a", "c"]
    np.testing.assert_array_equal(by_mask.inputs, by_position.inputs)


def test_select_keeps_the_given_order_and_the_kind_of_inputs(files: Split) -> None:
    chosen = files.select([3, 0])
    assert chosen.inputs == [Path("3.png"), Path("0.png")]
    assert chosen.labels.tolist() == ["c", "a"]


def test_select_nothing(pixels: Split, files: Split) -> None:
    assert len(pixels.select([])) == len(files.select([])) == 0
    assert len(pixels.select(np.zeros(4, dtype=bool))) == 0


def test_a_mask_of_the_wrong_length_is_refused(pixels: Split) -> None:
    with pytest.raises(DataError, match=r"mask of shape \(3,\).*4 inputs"):
        pixels.select(np.array([True, False, True]))


def test_only_and_without_divide_a_split(files: Split) -> None:
    assert files.only("a").inputs == [Path("0.png"), Path("2.png")]
    assert files.without("a").labels.tolist() == ["b", "c"]
    assert files.only(["a", "c"]).labels.tolist() == ["a", "a", "c"]
    assert len(files.only("z")) == 0
    assert len(files.without("z")) == 4


def test_only_reads_one_text_as_one_label() -> None:
    split = Split(np.zeros((2, 2, 2), np.uint8), label_array(["ab", "a"]))
    assert split.only("ab").labels.tolist() == ["ab"]


def test_different_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="1 inputs but 2 labels"):
        Split([Path("a.png")], label_array(["a", "b"]))


def test_labels_stay_plain_text() -> None:
    assert type(label_array(["a", "longer"])[0]) is str


def test_a_class_that_train_lacks_is_named(pixels: Split) -> None:
    train = pixels.without("c")
    with pytest.raises(DataError, match=r"test part has inputs of 'c'"):
        refuse_unlearnable(Dataset("set", train, train, pixels, ("a", "b"), "note"))


def test_subjects_go_along_and_can_be_left_out() -> None:
    split = Split(
        np.zeros((4, 2, 2), dtype=np.uint8),
        label_array(["a", "a", "b", "b"]),
        label_array(["Ada", "Bob", "Ada", "Cy"]),
    )
    assert split.units == [("a", "Ada"), ("a", "Bob"), ("b", "Ada"), ("b", "Cy")]
    assert split.only("b").units == [("b", "Ada"), ("b", "Cy")]
    assert split.without_subjects("Ada").units == [("a", "Bob"), ("b", "Cy")]
    assert split.without_subjects(["Ada", "Bob", "Zoe"]).units == [("b", "Cy")]
    plain = Split(split.inputs, split.labels)
    assert plain.without_subjects("Ada") is plain
    assert plain.units[0] == ("a", None)
    with pytest.raises(DataError, match="4 inputs but 1 subjects"):
        Split(split.inputs, split.labels, label_array(["Ada"]))


@pytest.mark.parametrize("three", [3, np.int64(3), "3", [3], (np.int64(3),), np.arange(3, 4), {"3"}])
def test_labels_are_chosen_by_number_or_text(three: Any) -> None:
    images = np.zeros((3, 2, 2), dtype=np.uint8)
    for split in (Split(images, label_array(["3", "4", "3"])), Split(images, [3, 4, 3])):  # type: ignore[arg-type]
        assert (len(split.only(three)), len(split.without(three))) == (2, 1)
    several = Split(images, label_array([("3", "4"), (), ("4",)]))
    assert (len(several.only(three)), len(several.without(three))) == (1, 2)
    people = Split(images, label_array(["a"] * 3), label_array(["3", "4", "3"]))
    assert len(people.without_subjects(three)) == 1


def test_a_missing_label_chooses_nothing_silently() -> None:
    with pytest.raises(DataError, match="None is no label; labels are text or whole numbers"):
        Split(np.zeros((1, 2, 2), dtype=np.uint8), label_array(["a"])).without(None)
