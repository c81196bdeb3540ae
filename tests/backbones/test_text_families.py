from __future__ import annotations

import pytest

from preforget.backbones.text_families import FAMILIES

from .row_defaults import of_transformers, stated
from .tiny_families import TEXTS


@pytest.mark.parametrize("name", list(FAMILIES))
def test_defaults_are_those_of_transformers(name: str) -> None:
    row = FAMILIES[name]
    assert stated(row) == of_transformers(row, TEXTS[name][0])
