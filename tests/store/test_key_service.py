"""What the interface of keyrings checks for every implementation."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preforget.core.errors import IntegrityError, UsageError
from preforget.store.head import Head
from preforget.store.key_service import (
    check_erasure_id,
    check_has_keys,
    check_model_id,
    check_record_ids,
    later_head,
)

ONE, TWO = "1" * 32, "2" * 32


def check_refused(ids: Iterable[str]) -> None:
    with pytest.raises(UsageError):
        check_record_ids(ids)


@given(st.text())
def test_ids_are_what_can_be_file_names_and_json(text: str) -> None:
    if re.fullmatch(r"[0-9a-f]{32}", text) is None:
        check_refused([text])
    for check, pattern in ((check_model_id, r"[0-9a-z-]+"), (check_erasure_id, r"[0-9A-Za-z._:-]+")):
        try:
            assert check(text) == text
        except UsageError:
            continue
        assert re.fullmatch(pattern, text, re.ASCII)


@given(st.lists(st.text("0123456789abcdefA,\n", min_size=30, max_size=34), max_size=4))
def test_several_ids_are_refused_if_one_is_none(texts: list[str]) -> None:
    if all(re.fullmatch(r"[0-9a-f]{32}", text) for text in texts):
        assert check_record_ids(texts) == list(dict.fromkeys(texts))
    else:
        check_refused(texts)


def test_ids_of_each_kind() -> None:
    assert check_record_ids(iter([TWO, ONE, TWO])) == [TWO, ONE]
    check_refused([ONE[:-1], f"{TWO}2"])  # together of the right length
    check_refused(ONE)  # a text is a list of letters too
    for text in ("", "..", "-a", "a-", "A", "a/b", "a" * 65, "a\n", "a.b"):
        with pytest.raises(UsageError, match="no model id"):
            check_model_id(text)
    for text in ("", "a b", 'a"', "é", "a" * 129, "a\n"):
        with pytest.raises(UsageError, match="no erasure id"):
            check_erasure_id(text)
    assert check_model_id("3f2c-9") == "3f2c-9"


def test_a_missing_key_is_explained() -> None:
    check_has_keys([ONE], {ONE: b""}, {}, "K")
    with pytest.raises(IntegrityError, match=f"{TWO} was destroyed by erasure e1"):
        check_has_keys([ONE, TWO], {ONE: b""}, {TWO: "e1"}, "K")
    with pytest.raises(
        IntegrityError, match=f"{TWO} is not in the keyring K; give the right one with --keyring"
    ):
        check_has_keys([ONE, TWO], {ONE: b""}, {}, "K")


@given(st.integers(0, 5), st.integers(0, 5), st.sampled_from("ab"), st.sampled_from("ab"))
def test_heads_only_go_on(first: int, second: int, one: str, two: str) -> None:
    noted, head = Head(first, f"sha256:{one * 64}"), Head(second, f"sha256:{two * 64}")
    assert later_head(None, head, "K") == later_head(head, None, "K") == head
    if second > first or noted == head:
        assert later_head(noted, head, "K") == head
    else:
        with pytest.raises(IntegrityError, match=f"ends with row {second}, .* row {first} that K has noted"):
            later_head(noted, head, "K")
