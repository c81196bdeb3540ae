from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from preforget.classifier import PreForgettableClassifier

from .tiny import QUICK, Make, data


@pytest.fixture(scope="session")
def make(tiny_vit: Path) -> Make:
    def make(**options: Any) -> PreForgettableClassifier:
        base = {"image_size": 16, "device": "cpu", "dtype": "float32", **QUICK}
        return PreForgettableClassifier(**{"backbone": str(tiny_vit), **base, **options})

    return make


@pytest.fixture(scope="session")
def learned(make: Make) -> PreForgettableClassifier:
    return make().fit(*data())


@pytest.fixture
def model(learned: PreForgettableClassifier) -> PreForgettableClassifier:
    """A copy for a test of its own, which knows what a model that has just learned knows."""
    return learned.copy()


@pytest.fixture
def saved(model: PreForgettableClassifier, tmp_path: Path) -> PreForgettableClassifier:
    model.save_pretrained(tmp_path / "model")
    return model


@pytest.fixture(scope="session")
def learned_exact(tiny_vit: Path) -> PreForgettableClassifier:
    """Four classes of 12 images of three people, learned by the exact engine."""
    model = PreForgettableClassifier(str(tiny_vit), "exact", 16, levels=1, device="cpu", dtype="float32")
    images, labels = data(12)
    return model.fit(images, labels, subjects=[f"person {n // 4 % 3}" for n in range(48)])


@pytest.fixture
def exact(learned_exact: PreForgettableClassifier) -> PreForgettableClassifier:
    return learned_exact.copy()
