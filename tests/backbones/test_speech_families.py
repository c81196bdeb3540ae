from __future__ import annotations

import pytest

from preforget.backbones.speech_families import FAMILIES

from .row_defaults import of_transformers, stated
from .tiny_families import SPEECH


@pytest.mark.parametrize("name", list(FAMILIES))
def test_defaults_are_those_of_transformers(name: str) -> None:
    row = FAMILIES[name]
    assert stated(row) == of_transformers(row, SPEECH[name][0])
