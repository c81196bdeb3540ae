from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.core.names import (
    Meant,
    as_name,
    as_names,
    look_alikes,
    meant,
    normal_name,
    printable,
    same_name,
)


@pytest.mark.parametrize("given", [3, np.int64(3), "3", np.str_("3")])
def test_a_number_and_its_text_are_one_name(given: Any) -> None:
    assert as_name(given) == "3"
    assert type(as_name(given)) is str
    assert as_names(given) == as_names([given]) == as_names((given,)) == ["3"]


def test_several_names_keep_their_order() -> None:
    assert as_names(np.arange(3, 5)) == ["3", "4"]
    assert as_names(np.array(["b", "a"])) == ["b", "a"]
    assert as_names(()) == []
    assert as_names({"a"}) == ["a"]


@pytest.mark.parametrize("given", [None, 1.5, True, np.bool_(True), ["a", None], [["a"]]])
def test_anything_else_is_no_name(given: Any) -> None:
    with pytest.raises(DataError, match=r"is no subject; subjects are text or whole numbers"):
        as_names(given, "subject")


COMPOSED, APART = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize("given", [COMPOSED, APART, f" {APART}\t", f"\u00a0{COMPOSED}\n"])
def test_one_name_has_one_form(given: str) -> None:
    assert as_name(given) == normal_name(given) == COMPOSED
    assert normal_name(normal_name(given)) == normal_name(given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "is empty"),
        (" \u200b", "is empty"),
        ("caf\udce9", r"'caf\\udce9' is no UTF-8 text"),
        ("\ud800", "no UTF-8"),
    ],
)
def test_text_that_is_no_name_is_refused(given: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        as_name(given)


def test_names_that_people_take_for_each_other_look_alike() -> None:
    names = [
        COMPOSED,
        "CAF\u00c9",
        "caf\u200b\u00e9",
        "\uff43\uff41\uff46\u00e9",
        "cafe",
        "Stra\u00dfe",
        "STRASSE",
        "x\u00b2",
        "x2",
    ]
    assert look_alikes(names) == sorted(
        map(sorted, [names[:4], ["STRASSE", "Stra\u00dfe"], ["x2", "x\u00b2"]])
    )
    assert look_alikes([COMPOSED, "cafe", "kaffee"]) == []


def test_a_typed_name_means_the_same_name_before_one_that_looks_like_it() -> None:
    known = [COMPOSED, "CAF\u00c9", "tea ", "Anna"]
    assert meant(APART, known) == Meant(COMPOSED, True, ("CAF\u00c9",))
    assert meant("tea", known) == Meant("tea ", True, ())  # as a folder of an older version may have it
    assert meant("anna\u200b", known) == Meant("Anna", False, ())
    assert meant("Caf\u00e9", known) == Meant(None, False, ("CAF\u00c9", COMPOSED))
    assert meant("\u200b", ["\u200b", "a"]) == Meant("\u200b", True, ())
    assert meant("", known) == meant("bob", known) == Meant(None, False, ())
    assert same_name("anna", known) is None
    assert "Anna" not in repr(meant("Anna", known))


def test_printable_escapes_what_could_steer_a_terminal() -> None:
    assert printable("gr\u00f6\u00dfe 3") == "gr\u00f6\u00dfe 3"
    assert printable("a\nb\x1b[31m\udcff\u202e") == "a\\nb\\x1b[31m\\udcff\\u202e"
