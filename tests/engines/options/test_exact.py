from __future__ import annotations

from typing import Any

import pytest

from preforget.core.errors import UsageError
from preforget.engines.options import Exact


def test_the_defaults_can_be_used() -> None:
    assert Exact.from_options(Exact().as_dict()) == Exact()


@pytest.mark.parametrize(
    "wrong", [{"levels": 0}, {"shrinkage": 0}, {"shrinkage": True}, {"pair_prompts": 1}, {"first_block": -1}]
)
def test_a_value_that_can_not_be_used(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(UsageError, match=f"{name} must be"):
        Exact(**wrong)
