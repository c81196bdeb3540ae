"""Tiny pictures of four classes, and what tests ask of models that learned them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from preforget.classifier import PreForgettableClassifier

CLASSES = ["ant", "bee", "cat", "dog"]

QUICK: dict[str, Any] = {"epochs": 4, "batch_size": 8, "lora_rank": 1}

Make = Callable[..., PreForgettableClassifier]


def data(each: int = 6, classes: list[str] = CLASSES, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Noisy copies of one random grey picture per class, 8 px."""
    rng = np.random.default_rng(seed)
    labels = [label for _ in range(each) for label in classes]
    centres = {c: np.random.default_rng(sum(map(ord, c))).integers(0, 128, (8, 8)) for c in classes}
    images = np.stack([centres[label] + rng.integers(0, 100, (8, 8)) for label in labels])
    return images.astype(np.uint8), labels


def place(model: PreForgettableClassifier) -> Path:
    assert model.folder is not None
    return model.folder.path


def reloaded(model: PreForgettableClassifier) -> PreForgettableClassifier:
    return PreForgettableClassifier.from_pretrained(place(model), device="cpu")


def columns(model: PreForgettableClassifier, images: np.ndarray) -> dict[str, str]:
    scores = model.scores(images)
    return {c: hashlib.sha256(scores[:, i].tobytes()).hexdigest() for i, c in enumerate(model.labels)}


def state(model: PreForgettableClassifier) -> list[str]:
    return [record.digest() for record in model.engine_.records()]
