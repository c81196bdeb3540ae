from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.data import as_split, check_trainable
from preforget.data.hold_out import hold_out
from preforget.data.multilabel import as_label_sets, check_conditions, holds_sets, marks


@pytest.mark.parametrize(
    ("y", "several"),
    [
        (np.zeros((3, 2), int), True),
        (np.zeros((3, 1), int), False),
        (np.zeros(3, int), False),
        ([["a"], []], True),
        ([("a", "b")], True),
        (["a", "b"], False),
        ("ab", False),
        (3, False),
    ],
)
def test_what_are_several(y: Any, several: bool) -> None:
    assert holds_sets(y) is several


def test_a_matrix_and_lists_give_the_same_sets() -> None:
    matrix = np.array([[1, 0, 1], [0, 0, 0], [1, 0, 0]])
    lists = [["b", "c", "c"], [], {"c"}]
    wanted = [("b", "c"), (), ("c",)]
    assert as_label_sets(matrix, ["c", "a", "b"]).tolist() == wanted
    assert as_label_sets(lists).tolist() == wanted
    assert as_label_sets(matrix.astype(bool)).tolist() == [("0", "2"), (), ("0",)]
    assert (
        marks(as_label_sets(matrix, ["c", "a", "b"]), ["c", "a", "b"]).astype(int).tolist() == matrix.tolist()
    )


@pytest.mark.parametrize(
    ("y", "conditions", "message"),
    [
        (np.array([[0, 2]]), None, "holds only 0 and 1"),
        (np.array([[0, 1]]), ["a"], "2 columns"),
        (np.array([[0, 1]]), ["a", "a"], "1 different names"),
        (np.array([[0, 1]]), ["a", " "], "condition 1 is empty; give one for each column"),
        ([["a"], "b"], None, "position 1 are 'b'"),
        ([["a"], [None]], None, "missing"),
        ([["a"]], ["a"], "a list of label lists brings its own"),
    ],
)
def test_other_label_sets_are_refused(y: Any, conditions: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        as_label_sets(y, conditions)


def test_each_condition_needs_inputs_with_and_without() -> None:
    check_conditions(as_label_sets([["a"], ["a"], [], []]))
    for y in ([["a"], [], [], []], [["a"], ["a"], ["a"], []]):
        with pytest.raises(DataError, match="condition 'a' is marked on"):
            check_conditions(as_label_sets(y))
    with pytest.raises(DataError, match="no input has any label"):
        check_conditions(as_label_sets([[], []]))


def test_which_conditions_there_are_moves_no_image_between_parts() -> None:
    images = np.arange(40, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 2, (40, 3))
    both = as_split(images, matrix, conditions=["a", "b", "c"])
    one = as_split(images, matrix[:, :2], conditions=["a", "b"])
    check_trainable(both)
    for whole, part in zip(hold_out(both, None, 0), hold_out(one, None, 0), strict=True):
        assert np.array_equal(whole.inputs, part.inputs)
    train, held = hold_out(both, (images[:5], matrix[:5]), 0, (), conditions=["a", "b", "c"])
    assert len(train) == 40
    assert held.labels.tolist() == both.labels[:5].tolist()


def test_a_split_is_chosen_from_by_condition() -> None:
    split = as_split(np.zeros((3, 2, 2), np.uint8), [["a", "b"], [], ["b"]])
    assert split.multilabel
    assert len(split.only("a")) == 1
    assert len(split.without("b")) == 1
