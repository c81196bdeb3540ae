"""Labels as users give them become text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.data import as_labels


@pytest.mark.parametrize(
    ("y", "names"),
    [
        (["cat", "dog"], ["cat", "dog"]),
        (np.array(["cat", "dog"]), ["cat", "dog"]),
        ([3, np.int8(-1)], ["3", "-1"]),
        (np.array([[3], [4]], np.uint8), ["3", "4"]),
        (("3", 3), ["3", "3"]),
        (np.array(["a", 7], dtype=object), ["a", "7"]),
    ],
)
def test_labels_become_text(y: Any, names: list[str]) -> None:
    labels = as_labels(y)
    assert labels.tolist() == names
    assert {type(label) for label in labels} == {str}


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", None], r"position 1 is missing \(None\)"),
        (["a", float("nan")], r"position 1 is missing \(nan\)"),
        (["a", np.float32("nan")], r"position 1 is missing \(nan\)"),
        (np.array([1.0, np.nan]), r"position 0 is 1\.0; labels are text or whole numbers"),
        ([1, 1.0], r"position 1 is 1\.0"),
        ([1, True], r"position 1 is True"),
        (["a", ""], r"position 1 is empty"),
        (["a", "  "], r"position 1 is empty"),
        ([["a"], ["b"]], r"position 0 is \['a'\]"),
        (np.zeros((2, 14), int), r"shape \(2, 14\): several labels per image can't be used here"),
        ("cat", r"not as str 'cat'"),
        (3, r"not as int 3"),
    ],
)
def test_other_labels_are_refused(y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        as_labels(y)
