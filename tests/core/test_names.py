from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.core.names import as_name, as_names


@pytest.mark.parametrize("given", [3, np.int64(3), "3", np.str_("3")])
def test_a_number_and_its_text_are_one_name(given: Any) -> None:
    assert as_name(given) == "3"
    assert type(as_name(given)) is str
    assert as_names(given) == as_names([given]) == as_names((given,)) == ["3"]


def test_several_names_keep_their_order() -> None:
    assert as_names(np.arange(3, 5)) == ["3", "4"]
    assert as_names(np.array(["b", "a"])) == ["b", "a"]
    assert as_names(()) == []
    assert as_names({"a"}) == ["a"]


@pytest.mark.parametrize("given", [None, 1.5, True, np.bool_(True), ["a", None], [["a"]]])
def test_anything_else_is_no_name(given: Any) -> None:
    with pytest.raises(DataError, match=r"is no subject; subjects are text or whole numbers"):
        as_names(given, "subject")
