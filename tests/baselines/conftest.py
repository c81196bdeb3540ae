"""A small ordinary classifier that has learned three colours, for methods to unlearn one of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from preforget.backbones import Encoder
from preforget.baselines import Classifier, LoraHead, LoraHeadConfig
from preforget.data.dataset import Split, label_array
from preforget.engines.base import Session

COLOURS = {"blue": 2, "green": 1, "red": 0}
FORGOTTEN = "blue"


def coloured(each: int, seed: int = 0) -> Split:
    """Noise with more of one colour, `each` images per class."""
    rng = np.random.default_rng(seed)
    labels = [name for _ in range(each) for name in COLOURS]
    images = rng.integers(0, 120, (len(labels), 32, 32, 3), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[..., COLOURS[label]] += 120
    return Split(images, label_array(labels))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def accuracy(model: Classifier, split: Split) -> float:
    answers = np.array(model.labels, dtype=object)[model.scores(split.inputs).argmax(axis=1)]
    return float((answers == split.labels).mean())


def same(one: LoraHead, other: LoraHead) -> bool:
    return one.parameters.keys() == other.parameters.keys() and all(
        torch.equal(tensor, other.parameters[name]) for name, tensor in one.parameters.items()
    )


@pytest.fixture(scope="session")
def train() -> Split:
    return coloured(8)


@pytest.fixture(scope="session")
def test_part() -> Split:
    return coloured(8, seed=1)


@pytest.fixture(scope="session")
def forget(train: Split) -> Split:
    return train.only(FORGOTTEN)


@pytest.fixture(scope="session")
def retain(train: Split) -> Split:
    return train.without(FORGOTTEN)


@pytest.fixture(scope="session")
def original(tiny_encoder: Encoder, train: Split) -> LoraHead:
    """It knows all three colours; no test may change it."""
    model = LoraHead(tiny_encoder, LoraHeadConfig(epochs=15, batch_size=8, learning_rate=1e-2))
    model.learn(train, Session())
    return model
