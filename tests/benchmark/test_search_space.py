from __future__ import annotations

import pytest

from preforget.baselines import METHODS
from preforget.benchmark.search_space import candidates, check_space, space_of
from preforget.core.errors import UsageError


@pytest.mark.parametrize("name", list(METHODS))
def test_defaults_first_then_different_ones(name: str) -> None:
    kind = METHODS[name]
    found = candidates(kind, {}, None, 4, 0)
    assert found[0] == kind.config_type().as_dict()
    assert 1 <= len(found) <= 4
    assert all(found.count(one) == 1 for one in found)
    assert candidates(kind, {}, None, 3, 0) == found[:3]


def test_the_same_budget_and_a_small_space() -> None:
    kind = METHODS["random_label"]
    search = {"epochs": (2, 3)}
    found = candidates(kind, {"learning_rate": 0.5}, search, 10, 1)
    assert [one["learning_rate"] for one in found] == [0.5] * 3
    assert sorted(one["epochs"] for one in found[1:]) == [2, 3]
    assert space_of(kind, {"epochs": 1}, None).keys() == kind.search.keys() - {"epochs"}


def test_what_is_refused() -> None:
    kind = METHODS["random_label"]
    with pytest.raises(UsageError, match="epochs of random_label is both fixed and searched"):
        check_space(kind, {"epochs": 1}, {"epochs": (2,)})
    with pytest.raises(UsageError, match="unknown option 'eggs'"):
        check_space(kind, {}, {"eggs": (1,)})
    with pytest.raises(UsageError, match="epochs must be a whole number of at least 1, got 0"):
        check_space(kind, {}, {"epochs": (1, 0)})
