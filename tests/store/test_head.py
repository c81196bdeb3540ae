"""Ledger heads as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preforget.core.errors import UsageError
from preforget.store.head import GENESIS, Head


@given(st.integers(0, 10**15 - 1), st.binary(min_size=32, max_size=32))
def test_what_is_written_is_read(seq: int, digest: bytes) -> None:
    head = Head(seq, f"sha256:{digest.hex()}")
    assert Head.parse(str(head)) == head
    assert head.as_dict() == {"seq": seq, "hash": head.hash}


@pytest.mark.parametrize(
    "text", ["", "3", f"-1:{GENESIS}", f"3:{GENESIS[:-1]}", f" 3:{GENESIS}", f"3:{GENESIS}\n", "٣:x"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no ledger head"):
        Head.parse(text)
