"""A class with too few inputs is named before anything is learned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.data import Dataset, Split, check_counts
from preforget.data.dataset import label_array


def part(*labels: str) -> Split:
    return Split(np.zeros((len(labels), 4, 4), dtype=np.uint8), label_array(labels))


def whole(train: Split) -> Dataset:
    return Dataset("some", train, part("rare"), part("rare", "common"), ("common", "rare"), "")


def test_too_few() -> None:
    with pytest.raises(
        DataError, match=r"'rare' has 3 inputs, 1 of them to learn from; learning needs at least 2"
    ):
        check_counts(whole(part("common", "common", "rare")))


@pytest.mark.parametrize("given", [part("common"), part("common", "other"), part()])
def test_none_to_hold_out_is_no_fault_of_validation_data_that_were_not_given(given: Split) -> None:
    train = part("common", "common", "rare", "rare", "rare")
    data = Dataset("some", train, given, part("rare", "common"), ("common", "rare"), "", taken=("val",))
    with pytest.raises(
        DataError, match=r"inputs to learn from, of which none can be held out.*copies of each other"
    ):
        check_counts(data)
    check_counts(replace(data, taken=()))


def test_enough() -> None:
    data = whole(part("common", "common", "rare", "rare"))
    assert check_counts(data) is None
    assert repr(data) == "<Dataset 'some': 4 + 1 + 2 inputs, 2 classes>"
    assert repr(data.train) == "<Split: 4 inputs, 2 classes>"
