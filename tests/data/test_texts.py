from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.data import Split, Texts, as_inputs, texts_of
from preforget.data.digest import split_digest


def test_lists_arrays_and_columns() -> None:
    pandas = pytest.importorskip("pandas")
    for given in (["a", "b"], np.array(["a", "b"]), pandas.Series(["a", "b"])):
        found = texts_of(given)
        assert found.values.tolist() == ["a", "b"]
        assert as_inputs(given, "texts").values.tolist() == ["a", "b"]
    assert texts_of(found) is found
    assert repr(found) == "<Texts: 2>"
    assert found[np.array([1])].values.tolist() == ["b"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("hello", "one text was given"),
        (["a", " "], "text 1 is empty"),
        (["a", None], "text 1 is NoneType"),
        (["a", 3], "text 1 is int"),
        ([], "the list is empty"),
        (3, "not as int"),
        (np.array([["a"]]), "not as ndarray"),
        (["x" * (1 << 20) + "x"], "more than 1,048,576"),
    ],
)
def test_what_is_no_text_is_refused(given: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        texts_of(given)


def test_a_split_of_texts() -> None:
    split = Split(texts_of(["one", "two", "three"]), ["a", "b", "a"])
    assert split.only("a").inputs.values.tolist() == ["one", "three"]
    other = Split(texts_of(["one", "two", "threE"]), ["a", "b", "a"])
    assert split_digest(split) != split_digest(other)
    assert isinstance(split.select([2, 0]).inputs, Texts)
