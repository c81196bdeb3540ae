from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preforget.core.hashing import bytes_digest, file_digest, value_digest

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def test_a_file_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert file_digest(path) == bytes_digest(b"abc")
    assert file_digest(path) == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@given(st.binary(max_size=500))
def test_bytes(content: bytes) -> None:
    assert bytes_digest(content) == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_the_bytes_digest_nothing_by_hand() -> None:
    assert bytes_digest(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_value_is_the_digest_of_its_compact_json() -> None:
    assert value_digest({"b": [1, "ü"], "a": None}) == (
        "sha256:" + hashlib.sha256('{"a":null,"b":[1,"ü"]}'.encode()).hexdigest()
    )


@given(st.dictionaries(st.text(), PLAIN, max_size=5))
def test_key_order_does_not_matter(value: dict[str, object]) -> None:
    assert value_digest(value) == value_digest(dict(reversed(value.items())))


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        value_digest([float("nan")])
