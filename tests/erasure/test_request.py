"""No name of the model gets into the reason of an erasure, in whatever form and among however many it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preforget.core.errors import UsageError
from preforget.core.names import appearance
from preforget.erasure.request import FEW, Request


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("request 2026-118", True),
        ("Grace Hopper asked", False),
        ("about GRACE HOPPER's wish", False),
        ("Gracehoppers", True),
        ("hopper", True),
        ("two\nlines", False),
        ("x" * 500, True),
        ("x" * 501, False),
        (None, True),
    ],
)
def test_a_request_names_nobody(text: str | None, fine: bool) -> None:
    for request in (Request(reference=text), Request(grounds=text)):
        if fine:
            request.check({"Grace Hopper"})
        else:
            with pytest.raises(UsageError):
                request.check({"Grace Hopper"})


def test_a_reason_holds_no_name_of_the_model_whatever_its_length() -> None:
    names = {"hi", "3", "caf\u00e9", "Kim Lee"}
    for text in ("HI there", "request 3", "cafe\u0301", "about kim lee"):
        with pytest.raises(UsageError, match="the name of a class or a person"):
            Request(text).check(names)
    Request("request 2026-33, history").check(names)
    Request(grounds="Art. 17(1)(b), 3, hi").check(names)  # articles and paragraphs are no names
    with pytest.raises(UsageError, match="there is 'Kim Lee' in the grounds"):
        Request(grounds="Kim Lee").check(names)


PERSONS = [f"person {number:05}" for number in range(5000)]


@pytest.mark.parametrize(
    "text",
    ["person 00042", "of Person 04999, in short", " ".join(f"w{n}" for n in range(FEW)) + " person 00000"],
)
def test_a_name_among_many_is_found(text: str) -> None:
    with pytest.raises(UsageError, match="the name of a class or a person"):
        Request(text).check(PERSONS)
    Request("person 42, persons 00042, aperson 00042").check(PERSONS)


@given(
    st.lists(st.text("aB \u00e9\u0301.-1", min_size=1, max_size=4), min_size=1, max_size=4),
    st.text("aB \u00e9.-1", max_size=8),
)
def test_many_names_at_once_are_as_each_by_itself(names: list[str], text: str) -> None:
    def refused(some: list[str]) -> bool:
        try:
            Request(text).check(some)
        except UsageError as error:
            return "there is" in str(error)
        return False

    assert refused(names) == any(refused([name]) for name in names)
    if any(appearance(name) == appearance(text) for name in names if appearance(name)):
        assert refused(names)
