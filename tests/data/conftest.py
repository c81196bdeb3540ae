"""Real files for the data room: folders of small images and archives in MedMNIST's layout."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

MakeFolder = Callable[[dict[str, int]], Path]


def small_image(seed: int, height: int = 6, width: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Return what writes `{"train/cat": 3}` as 3 images in `pets/train/cat`, and returns `pets`."""

    def make(counts: dict[str, int]) -> Path:
        root = tmp_path / "pets"
        root.mkdir(exist_ok=True)
        for name, count in counts.items():
            (root / name).mkdir(parents=True)
            for number in range(count):
                image = small_image(zlib.crc32(f"{name}/{number}".encode("utf-8", "surrogateescape")))
                Image.fromarray(image).save(root / name / f"{number:03}.png")
        return root

    return make


@pytest.fixture
def medmnist_arrays() -> dict[str, np.ndarray]:
    """Three classes, 12 + 3 + 6 images of 28 x 28, uint8."""
    rng = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 12), ("val", 3), ("test", 6)):
        arrays[f"{part}_images"] = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        arrays[f"{part}_labels"] = (np.arange(count) % 3).astype(np.uint8)[:, None]
    return arrays


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data, or a skip."""
    root = os.environ.get("PREFORGET_SHARED")
    if not root:
        pytest.skip("PREFORGET_SHARED is not set: no real data here")
    return Path(root) / "data"
