from __future__ import annotations

import pytest

from preforget.core.errors import UsageError
from preforget.data import load_data
from preforget.demo.modality import MODALITIES, modality


@pytest.mark.parametrize("name", MODALITIES)
def test_what_is_forgotten_are_classes_of_the_data(name: str) -> None:
    shown = modality(name)
    assert {shown.forget, *shown.next_to_forget} <= set(load_data(shown.data).classes)
    assert len(set(shown.next_to_forget)) == 3


def test_another_name_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown modality 'smell'; choose one of: image, audio"):
        modality("smell")
