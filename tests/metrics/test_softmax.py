"""Softmax beside the plain formula: the same number format, no overflow, no columns."""

from __future__ import annotations

import numpy as np
import pytest

from preforget.metrics.softmax import given_known, softmax


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_it_is_the_plain_formula_in_the_format_given(kind: type) -> None:
    scores = np.random.default_rng(0).normal(0, 5, (40, 7)).astype(kind)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    found = softmax(scores)
    assert found.dtype == kind
    np.testing.assert_array_equal(found, odds / odds.sum(axis=1, keepdims=True))


def test_no_columns_and_no_rows() -> None:
    assert softmax(np.zeros((3, 0), dtype=np.float32)).shape == (3, 0)
    assert softmax(np.zeros((0, 2))).shape == (0, 2)


def test_given_that_a_class_is_known_rows_sum_to_1() -> None:
    shares = np.array([[0.1, 0.3], [0.0, 0.0]], dtype=np.float32)
    scores = np.array([[1.0, 2.0], [5.0, 4.0]], dtype=np.float32)
    np.testing.assert_allclose(given_known(shares, scores), [[0.25, 0.75], [1.0, 0.0]])
    assert given_known(shares[:, :0], scores[:, :0]).shape == (2, 0)
