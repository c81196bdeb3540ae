from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from preforget.core.errors import DataError
from preforget.data import Split, Vectors, as_inputs, as_split, as_vectors
from preforget.data.dataset import label_array
from preforget.data.digest import split_digest
from preforget.data.hold_out import hold_out

ROWS = np.array([[0.5, -2.0], [1e300, 3.0], [0.1, 0.2]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float32_and_float64_stay_as_they_are(dtype: Any) -> None:
    rows = ROWS[::2].astype(dtype)
    assert as_vectors(rows).values is rows


@pytest.mark.parametrize(
    "given", [[[1, 2], [3, 4]], np.array([[1, 2], [3, 4]], np.uint8), [["1", "2"], ["3", "4"]]]
)
def test_other_numbers_become_float64(given: Any) -> None:
    vectors = as_vectors(given)
    assert vectors.values.dtype == np.float64
    np.testing.assert_array_equal(vectors.values, [[1.0, 2.0], [3.0, 4.0]])
    assert (len(vectors), vectors.width) == (2, 2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([[0.0, np.nan]], "Input X contains NaN"),
        ([[0.0, np.inf]], "Input X contains infinity"),
        ([[1j, 2.0]], "Complex data not supported"),
        ([1.0, 2.0], "Expected 2D array.*Reshape your data"),
        (np.zeros((2, 2, 2)), "Expected 2D array"),
        (3.0, "Expected 2D array"),
        (np.zeros((0, 3)), r"Found array with 0 sample\(s\)"),
        (np.zeros((3, 0)), r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required"),
        ([[1.0], [1.0, 2.0]], "all of one length"),
        ([["a", "b"]], "rows .* of numbers"),
        (csr_matrix(np.eye(3)), "sparse vectors are not supported"),
    ],
)
def test_what_is_refused(given: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        as_vectors(given)


def test_numbers_are_vectors_only_where_the_encoder_reads_vectors() -> None:
    assert isinstance(as_inputs(ROWS, "vectors"), Vectors)
    with pytest.raises(DataError, match="is one image"):
        as_inputs(ROWS)
    vectors = as_vectors(ROWS)
    assert as_inputs(vectors) is vectors


def test_a_split_of_vectors_is_selected_and_told_by_its_digest() -> None:
    split = as_split(ROWS, ["a", "b", "a"], ["x", "y", "x"], kind="vectors")
    only = split.only("a")
    assert isinstance(only.inputs, Vectors)
    np.testing.assert_array_equal(only.inputs.values, ROWS[[0, 2]])
    assert len(split.select([])) == 0
    assert split.places() == {("a", "x"): [0, 2], ("b", "y"): [1]}
    changed = ROWS.copy()
    changed[0, 0] = np.nextafter(0.5, 1)
    narrow = Vectors(ROWS[[0, 2]].astype(np.float32))
    others = [
        Split(Vectors(changed), split.labels, split.subjects),
        only,
        Split(narrow, only.labels, only.subjects),
    ]
    assert len({split_digest(one) for one in [split, *others]}) == 4


def test_validation_data_of_vectors_are_read_as_vectors() -> None:
    train = as_split(ROWS, ["a", "b", "a"], kind="vectors")
    _, held_out = hold_out(train, (ROWS[:2], ["a", "b"]), seed=0)
    assert isinstance(held_out.inputs, Vectors)
    many = Split(Vectors(np.arange(40.0).reshape(20, 2)), label_array(["a", "b"] * 10))
    kept, out = hold_out(many, None, seed=0)
    assert isinstance(out.inputs, Vectors)
    assert len(kept) + len(out) == 20
