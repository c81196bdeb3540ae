from __future__ import annotations

from typing import Any

import pytest

from preforget.core.errors import UsageError
from preforget.engines.options import Paper


def test_the_defaults_are_the_papers_recipe() -> None:
    options = Paper()
    assert (options.epochs, options.batch_size, options.learning_rate) == (10, 32, 1e-3)


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"batch_size": None}, {"final_norm": 0}, {"learning_rate": 10}]
)
def test_a_value_that_can_not_be_used(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(UsageError, match=f"{name} must be"):
        Paper(**wrong)
