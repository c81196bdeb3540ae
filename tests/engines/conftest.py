"""A backbone whose every tensor is random, banks of random records, and small data that can be learned."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from preforget.backbones import load_backbone
from preforget.data import Split, Vectors
from preforget.data.dataset import label_array
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.options import Isolated
from preforget.records import ClassRecord

SIZE = 16

MakeEngine = Callable[..., IsolatedEngine]


@pytest.fixture(scope="session")
def rich_vit(tiny_vit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny transformer with random biases and norms too, so that one that is forgotten shows."""
    folder = tmp_path_factory.mktemp("rich") / "vit"
    shutil.copytree(tiny_vit, folder)
    weights = load_file(folder / "model.safetensors")
    generator = torch.Generator().manual_seed(1)
    for tensor in weights.values():
        tensor += 0.2 * torch.randn(tensor.shape, generator=generator)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture
def make_engine(rich_vit: Path) -> MakeEngine:
    """Return what makes an isolated engine at 16 px, filled with random records of `labels`."""

    def make(
        labels: Any = (),
        dtype: str = "float32",
        image_size: int = SIZE,
        device: str = "cpu",
        **options: Any,
    ) -> IsolatedEngine:
        encoder = load_backbone(str(rich_vit), image_size=image_size, device=device, dtype=dtype)
        engine = IsolatedEngine(encoder, Isolated(**options))
        for number, label in enumerate(labels):
            engine.bank.insert(random_record(engine, label, number))
        return engine

    return make


def random_record(engine: IsolatedEngine, label: str, seed: int) -> ClassRecord:
    generator = torch.Generator().manual_seed(seed)
    shapes = engine.record_shapes()
    tensors = {name: 0.5 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return ClassRecord(label, {**tensors, "count": torch.tensor(3.0)})


def pictures(count: int, seed: int = 0, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def learnable(labels: Any, each: int, seed: int = 0) -> Split:
    """Noisy copies of one random picture per label, `each` of every label, in mixed order."""
    rng = np.random.default_rng(seed)
    names = [label for label in labels for _ in range(each)]
    centres = {label: pictures(1, seed=sum(map(ord, label)))[0] for label in labels}
    images = np.stack([centres[name] // 2 + rng.integers(0, 128, (SIZE, SIZE, 3)) for name in names])
    order = rng.permutation(len(names))
    return Split(images.astype(np.uint8)[order], label_array(names)[order])


def vector_blobs(each: int, seed: int, width: int = 6, classes: Sequence[str] = ()) -> Split:
    """Normal vectors around one centre per class, `each` of every class, in mixed order."""
    rng = np.random.default_rng(seed)
    names = [label for label in classes for _ in range(each)]
    centres = {c: 3 * np.random.default_rng(list(map(ord, c))).normal(size=width) for c in classes}
    rows = np.stack([centres[name] + rng.normal(size=width) for name in names])
    order = rng.permutation(len(names))
    return Split(Vectors(rows[order]), label_array(names)[order])
