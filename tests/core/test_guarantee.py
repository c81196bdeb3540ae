"""The kinds of promise are words that folders and receipts hold."""

import json

import pytest

from preforget.core.guarantee import Guarantee


def test_a_guarantee_is_its_word() -> None:
    assert [str(guarantee) for guarantee in Guarantee] == ["behavioural", "parametric", "exact"]
    assert Guarantee("exact") is Guarantee.EXACT
    assert json.dumps(Guarantee.EXACT) == '"exact"'


def test_there_are_no_others() -> None:
    with pytest.raises(ValueError, match="complete"):
        Guarantee("complete")
