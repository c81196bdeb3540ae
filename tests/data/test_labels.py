"""Labels as users give them become text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.data import as_labels
from preforget.data.labels import NamesJoinedWarning, check_look_alikes, one_name_each


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
        (np.zeros((2, 14), int), r"shape \(2, 14\): several labels per input can't be used here"),
        ("cat", r"not as str 'cat'"),
        (3, r"not as int 3"),
    ],
)
def test_other_labels_are_refused(y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        as_labels(y)


COMPOSED, APART = "caf\u00e9", "cafe\u0301"


def test_one_name_that_is_written_in_several_ways_is_one_and_said_without_it() -> None:
    with pytest.warns(NamesJoinedWarning, match="1 labels are written in several ways") as said:
        labels = as_labels([COMPOSED, APART, f" {COMPOSED} ", "tea"])
    assert labels.tolist() == [COMPOSED, COMPOSED, COMPOSED, "tea"]
    assert "caf" not in str(said[0].message)
    names, remarks = one_name_each([COMPOSED, COMPOSED, APART, "tea"], "subject", str)
    assert names == [COMPOSED, COMPOSED, COMPOSED, "tea"]
    assert remarks[0].startswith(f"subject {COMPOSED!r} is written in 2 ways, on 2, 1 inputs")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("caf\udce9", "is no UTF-8 text"),
        ("\u200b", "is empty"),
        (" Abstain", "the answer to inputs of no known class"),
    ],
)
def test_a_label_that_is_no_name_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=f"position 1 {message}|position 1 is ' Abstain', which is {message}"):
        as_labels(["a", text])


def test_a_person_may_be_called_like_the_abstention() -> None:
    assert as_labels(["abstain"], "subject").tolist() == ["abstain"]


def test_text_that_stands_for_a_missing_value_is_said_with_its_count() -> None:
    _, remarks = one_name_each(["null", "Ann", "null"], "subject", str)
    assert len(remarks) == 1
    assert remarks[0].startswith("2 of 3 inputs have the subject 'null', which is how tables write a missing")
    for text in ("nan", "NaT", "<NA>"):
        with pytest.raises(
            DataError, match=f"1 is '{text}' on 2 inputs.*people without a name would be one person"
        ):
            one_name_each(["Ann", text, text], "subject", str)
    assert one_name_each(["none", "some"], "label", str)[1] == []


def test_numbers_that_differ_in_zeros_are_said() -> None:
    _, remarks = one_name_each(["0042", "42", "0043", "7", "42", "00", "x"], "subject", str)
    assert remarks == [
        "subjects '0042', '42' differ only in zeros at the beginning, which tables lose; taken as 2 subjects: if they "
        "are one, write them alike"
    ]


@pytest.mark.parametrize("names", [["007", "7"], ["0", "00"], ["0010", "010", "10"], ["05", "5", "x", "50"]])
def test_whichever_numbers_differ_in_zeros(names: list[str]) -> None:
    texts, remarks = one_name_each(names, "label", str)
    assert texts == names
    (said,) = remarks
    assert all(repr(name) in said for name in names if name not in ("x", "50"))
    assert "50" not in said


def test_names_that_look_alike_are_refused_with_both_shown() -> None:
    with pytest.raises(DataError, match=r"two classes look alike, 'Cat' and 'cat'"):
        check_look_alikes(["Cat", "dog", "cat"])
    with pytest.raises(DataError, match=r"two subjects look alike.*'ann\\u200b'"):
        check_look_alikes(["ann\u200b"], ["ann", "Bob", "bob"], what="subject")
    check_look_alikes(["eve"], ["Bob", "bob"])  # those were kept before
    check_look_alikes(["Cat", "cat"], keep=True)
