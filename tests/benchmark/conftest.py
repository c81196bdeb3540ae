"""A tiny matrix on three colours and a tiny transformer: every kind of task in a few seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preforget.audit.attacks import key_recovery
from preforget.benchmark.context import Context, begin
from preforget.benchmark.matrix import Matrix
from preforget.benchmark.matrix_file import matrix_of
from preforget.benchmark.run import run
from preforget.jobs.executor import Here

COLOURS = {"blue": (30, 60, 200), "green": (40, 180, 60), "red": (200, 40, 40)}
FEW = 5
EACH = {"train": 12, "val": 7, "test": 9}

Make = Callable[..., Matrix]


def write_colours(path: Path, each: dict[str, int] = EACH, seed: int = 0) -> Path:
    """Write noisy images of one colour each in MedMNIST's layout."""
    rng, arrays = np.random.default_rng(seed), {}
    for part, count in each.items():
        labels = np.repeat(np.arange(len(COLOURS)), count)
        flat = np.array(list(COLOURS.values()))[labels][:, None, None]
        images = np.clip(flat + rng.normal(0, 60, (len(labels), 8, 8, 3)), 0, 255)
        arrays |= {f"{part}_images": images.astype(np.uint8), f"{part}_labels": labels[:, None]}
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_colours(tmp_path_factory.mktemp("colours") / "colours.npz")


@pytest.fixture(scope="session")
def values(colours: Path, tiny_vit: Path) -> dict[str, Any]:
    """The plain values of a matrix, as a TOML file holds them."""
    return {
        "data": [{"name": "colours", "path": str(colours), "backbone": str(tiny_vit), "image_size": 16}],
        "engines": [{"name": "exact", "options": {"levels": 1}}],
        "methods": ["retrain", "drop_row", {"name": "random_label", "options": {"epochs": 1}}, "ridge_head"],
        "sets": 1,
        "trials": 2,
        "rows": 20,
        "dtype": "float32",
        "lora": {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2},
    }


@pytest.fixture(scope="session")
def make(values: dict[str, Any]) -> Make:
    """Return a matrix with some values changed."""
    return lambda **changes: matrix_of({**values, **changes}, "tiny.toml", "tiny")


@pytest.fixture(scope="session")
def done(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """A benchmark that was run, two seeds, two sets of one class; don't change its folder."""
    matrix = make(sets=2, seeds=[0, 1], methods=["retrain", "drop_row", "random_label", "ridge_head"])
    context = begin(matrix, tmp_path_factory.mktemp("done"), device="cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_recovery, "STEPS", FEW)
        run(context, Here())
    return context


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let winning a class back, which has tests of its own, take little time."""
    monkeypatch.setattr(key_recovery, "STEPS", FEW)
