from __future__ import annotations

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.data.multilabel import as_label_sets, holds_sets
from preforget.data.one_hot import OneHotWarning, as_matrix, single_labels

ROWS = [[0, 1, 1], [1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    "y",
    [
        np.array(ROWS),
        np.array(ROWS, bool),
        np.array(ROWS, float),
        np.array(ROWS, object),
        ROWS,
        [tuple(row) for row in ROWS],
        [np.array(row) for row in ROWS],
        np.array(ROWS, np.uint8),
        np.array(ROWS, str),
        [[str(each) for each in row] for row in ROWS],
        [[str(each).encode() for each in row] for row in ROWS],
    ],
)
def test_the_same_rows_mean_the_same_in_every_form(y: object) -> None:
    assert holds_sets(y)
    assert as_label_sets(y).tolist() == [("1", "2"), ("0",), ()]
    assert as_label_sets(y, ["a", "b", "c"]).tolist() == [("b", "c"), ("a",), ()]


@pytest.mark.parametrize(
    "y", [[["a"], []], [[0], [1]], [[0, 2], [1, 0]], [[0, 1], [1]], ["a", "b"], [], 3, np.zeros(3)]
)
def test_what_is_no_matrix(y: object) -> None:
    assert as_matrix(y) is None


def test_one_1_in_each_row_is_one_label() -> None:
    with pytest.warns(OneHotWarning, match="exactly one 1"):
        assert single_labels(np.eye(3)[[2, 0, 1]]).tolist() == [2, 0, 1]
    with pytest.warns(OneHotWarning):
        assert single_labels([[0, 1], [1, 0]], ["a", "b"]).tolist() == ["b", "a"]
    assert single_labels(ROWS) is ROWS
    with pytest.raises(DataError, match="1 names of conditions for a matrix of 2"):
        single_labels(np.eye(2), ["a"])
