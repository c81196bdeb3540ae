"""A share for all classes, and others for single ones."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from preforget.core.errors import UsageError
from preforget.core.keep import Keep, as_keep, single_shares


def test_a_number_and_shares_of_classes() -> None:
    keep = as_keep({3: 0.8, None: 0.9}, str)
    assert (float(keep), keep.of("3"), keep.of("4")) == (0.9, 0.8, 0.9)
    assert as_keep({"a": 0.8}).of("b") == 0.95
    assert single_shares(keep) == {"3": 0.8}
    assert single_shares(0.9) == {}
    assert as_keep(keep) is keep
    assert keep.only(["4"]).classes == {}
    assert (as_keep(0.9).plain(), keep.plain()) == ([0.9], [0.9, {"3": 0.8}])


def test_it_copies_and_names_nobody() -> None:
    keep = Keep(0.9, {"Ada": 0.8})
    for other in (copy.deepcopy(keep), pickle.loads(pickle.dumps(keep))):
        assert (other, other.classes) == (0.9, {"Ada": 0.8})
    assert "Ada" not in repr(keep)


@pytest.mark.parametrize("wrong", [0, 1.0, True, "0.9", None, {"a": 1.5}, {None: 0}])
def test_what_is_no_share_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        as_keep(wrong)
