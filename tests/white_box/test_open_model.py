"""Which models can be opened."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import UsageError
from preforget.white_box.frozen_path import FrozenPath
from preforget.white_box.open_model import surface_of
from preforget.white_box.shared_adapter import SharedAdapter


def test_each_engine_has_its_way(model: PreForgettableClassifier) -> None:
    kind = SharedAdapter if model.engine_.name == "paper" else FrozenPath
    assert type(surface_of(model)) is kind


def test_a_foreign_model_brings_its_own(model: PreForgettableClassifier) -> None:
    class Foreign:
        def surface(self) -> Any:
            return surface_of(model)

    assert surface_of(Foreign()).labels == tuple(model.labels)


def test_refusals(model: PreForgettableClassifier) -> None:
    class Foreign:
        labels = ("a",)

        def scores(self, X: Any) -> Any:
            return np.zeros((len(X), 1))

    with pytest.raises(UsageError, match=r"Foreign can't be opened .* surface\(\)"):
        surface_of(Foreign())
    with pytest.raises(UsageError, match="can't be opened"):
        surface_of(model.untrained())
