"""Canonical JSON: the example of RFC 8785, and that nothing else is read."""

from __future__ import annotations

import hashlib
import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from preforget.core.canonical import canonical_digest, canonical_json, read_canonical

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


def test_the_example_of_the_standard() -> None:
    """RFC 8785, section 3.2.2 and 3.2.3."""
    source = (
        '{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],'
        '"string": "\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/", "literals": [null, true, false]}'
    )
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical_json(json.loads(source)) == expected.encode()


def test_digest() -> None:
    assert canonical_digest({"a": 1}) == "sha256:" + hashlib.sha256(b'{"a":1}').hexdigest()


@given(st.one_of(VALUES, st.lists(VALUES | st.floats(allow_nan=False, allow_infinity=False), max_size=3)))
def test_it_is_what_the_reference_writes(value: object) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


def test_keys_are_in_the_order_of_utf_16() -> None:
    """RFC 8785, section 3.2.3: U+1F600 is written with surrogates, which come before U+FB33."""
    assert (
        canonical_json({"\ufb33": 1, "\U0001f600": 2, "a": 3}) == '{"a":3,"\U0001f600":2,"\ufb33":1}'.encode()
    )


@given(VALUES)
def test_what_is_written_is_read(value: object) -> None:
    assert read_canonical(canonical_json(value)) == value


@pytest.mark.parametrize(
    "content",
    [b'{"a": 1}', b'{"b":1,"a":2}', b"1.0", b'{"a":1,"a":1}', b"NaN", b"", b"\xff", b"[" * 100_000, b"1e400"],
)
def test_nothing_else_is_read(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_canonical(content)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**53, -(2**53), {1: 2}, object(), "\ud800", ["\udfff"]]
)
def test_what_json_cannot_hold(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        canonical_json(value)
