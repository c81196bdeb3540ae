"""A small model of each engine on three colours, for attacks on real records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.data import Split
from preforget.data.dataset import label_array

COLOURS = {"blue": (30, 60, 200), "green": (40, 180, 60), "red": (200, 40, 40)}
OPTIONS: dict[str, dict[str, Any]] = {
    "isolated": {"epochs": 4, "batch_size": 8, "lora_rank": 2},
    "exact": {"levels": 3},
    "paper": {"epochs": 3, "batch_size": 8, "first_block": 1},
}


def coloured(each: int, seed: int = 0) -> Split:
    """Noisy images of one colour each, `each` of them per class."""
    rng = np.random.default_rng(seed)
    labels = [name for _ in range(each) for name in COLOURS]
    flat = np.array([COLOURS[name] for name in labels])[:, None, None]
    images = np.clip(flat + rng.normal(0, 40, (len(labels), 32, 32, 3)), 0, 255).astype(np.uint8)
    return Split(images, label_array(labels))


Make = Callable[..., PreForgettableClassifier]


@pytest.fixture(scope="session")
def make(tiny_vit: Path) -> Make:
    """Learn a model of `split` with an engine's small recipe."""

    def make(engine: str, split: Split, **options: Any) -> PreForgettableClassifier:
        own = {**OPTIONS[engine], **options}
        model = PreForgettableClassifier(str(tiny_vit), engine, 32, device="cpu", dtype="float32", **own)
        return model.fit(split, validation=split)

    return make


@pytest.fixture(scope="session", params=list(OPTIONS))
def model(request: pytest.FixtureRequest, make: Make) -> PreForgettableClassifier:
    """A model of each engine that knows three colours; tests leave it as it is."""
    return make(request.param, coloured(10))


@pytest.fixture(scope="session")
def split() -> Split:
    """Other images of the same colours."""
    return coloured(3, seed=1)
