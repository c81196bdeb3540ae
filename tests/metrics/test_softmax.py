"""Softmax beside the plain formula: the same number format, no overflow, no columns."""

from __future__ import annotations

import numpy as np
import pytest

from preforget.metrics.softmax import softmax


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
