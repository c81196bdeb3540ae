"""Looks at a handful of images, made by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from preforget.data import load_data
from preforget.data.dataset import Dataset, label_array
from preforget.demo.forgetting import Forgetting
from preforget.demo.look import Look
from preforget.erasure import Erasure

Thin = Callable[[int], None]
MakeLook = Callable[[list[str], list[str], list[list[float]]], Look]


@pytest.fixture
def make_look() -> MakeLook:
    """Take true labels, classes and scores; the confidence is the highest score, the threshold 0."""

    def make(truth: list[str], classes: list[str], scores: list[list[float]]) -> Look:
        array = np.array(scores, dtype=np.float32)
        return Look(label_array(truth), classes, array, array.max(axis=1), 0.0)

    return make


@pytest.fixture
def thin(monkeypatch: pytest.MonkeyPatch) -> Thin:
    """Leave every nth input of the demo's data, which are learned sooner."""

    def every(count: int) -> None:
        def fewer(name: str, **options: Any) -> Dataset:
            data = load_data(name, **options)
            parts = {part: getattr(data, part) for part in ("train", "validation", "test")}
            return replace(
                data, **{part: split.select(range(0, len(split), count)) for part, split in parts.items()}
            )

        monkeypatch.setattr("preforget.demo.run.load_data", fewer)

    return every


@pytest.fixture
def step(make_look: MakeLook) -> Forgetting:
    """Forget "b" of three classes; of its two images one is abstained, one taken for "c"."""
    from preforget.core.guarantee import Guarantee

    truth = ["a", "a", "b", "b", "c", "c"]
    scores = [[5, -1, -9], [1, 2, -9], [-3, 4, -2], [-4, 4, 1], [-8, -7, 6], [-5, -4, -1]]
    before = make_look(truth, ["a", "b", "c"], scores)
    after = make_look(truth, ["a", "c"], [[row[0], row[2]] for row in scores])
    erasure = Erasure(
        id="1" * 32,
        grounds=None,
        copies=[],
        receipt=None,
        what="class",
        targets=1,
        records=["0" * 32],
        guarantee=Guarantee.PARAMETRIC,
        meaning="What was learned for the class is deleted.",
        time="2026-01-01T00:00:00.000Z",
        reason="demo",
        memory_ms=0.05,
        disk_ms=2.5,
        bytes_removed=1234,
        derived=0,
        derive_ms=0.0,
        classes_left=2,
        generation=2,
    )
    return Forgetting("b", erasure, before, after, 0)
