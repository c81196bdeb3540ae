from __future__ import annotations

from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.benchmark.class_sets import ALL_BUT_ONE, EVERY, HALF, drawn, resolved, sizes, stated
from preforget.core.errors import UsageError


def test_sizes_of_seven_classes() -> None:
    assert sizes([1, HALF, ALL_BUT_ONE, 3], 7) == [1, 3, 6]


@pytest.mark.parametrize(("k", "classes"), [(0, 3), (3, 3), (HALF, 1), ("most", 4)])
def test_one_must_go_and_one_stay(k: int | str, classes: int) -> None:
    with pytest.raises(UsageError, match=repr(k)):
        resolved(k, classes)


@settings(max_examples=40)
@given(st.integers(2, 9), st.data())
def test_sets_are_different_and_a_larger_sample_begins_with_the_smaller(
    classes: int, data: st.DataObject
) -> None:
    names = [f"c{number}" for number in range(classes)]
    k = data.draw(st.integers(1, classes - 1))
    wanted = data.draw(st.integers(1, 12))
    seed = data.draw(st.integers(0, 5))
    found = drawn(names, k, wanted, seed)
    assert len(found) == len(set(found)) == min(wanted, comb(classes, k))
    assert all(list(own) == sorted(set(own)) and len(own) == k for own in found)
    assert drawn(names[::-1], k, wanted, seed) == found
    if wanted + 1 < comb(classes, k):
        assert drawn(names, k, wanted + 1, seed)[:wanted] == found


def test_all_sets_and_too_many() -> None:
    assert drawn("cab", 2, EVERY, 0) == [("a", "b"), ("a", "c"), ("b", "c")]
    with pytest.raises(UsageError, match="give sets a number"):
        drawn([str(number) for number in range(40)], 20, EVERY, 0)
    assert stated(40, 20, 3) == f"3 of {comb(40, 20)} sets, drawn by seed"
