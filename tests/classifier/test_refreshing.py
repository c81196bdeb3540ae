from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import StoreError, UsageError

X = np.random.default_rng(0).normal(size=(60, 4)) + np.repeat([[0.0], [4.0], [8.0]], 20, axis=0)
Y = np.repeat(["Ada", "Grace", "Mary"], 20)


def saved(path: Path) -> PreForgettableClassifier:
    model = PreForgettableClassifier("features", "exact").fit(X, Y)
    model.save_pretrained(path)
    return model


def test_what_another_process_changes_is_taken_over(tmp_path: Path) -> None:
    model = saved(tmp_path / "model")
    assert not model.refresh()
    other = PreForgettableClassifier.from_pretrained(tmp_path / "model")
    held = [tensor for r in model.engine_.affected_records("Grace") for tensor in r.tensors.values()]
    other.forget("Grace")
    other.detach("Ada")
    assert model.refresh()
    assert model.labels == other.labels == ["Mary"]
    assert not any(tensor.any() for tensor in held)
    assert model.scores(X).tobytes() == other.scores(X).tobytes()
    model.attach("Ada")
    assert other.refresh()
    assert other.labels == ["Ada", "Mary"]


def test_a_model_without_a_folder_and_one_that_was_replaced(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="bound to no folder"):
        PreForgettableClassifier("features", "exact").fit(X, Y).refresh()
    model = saved(tmp_path / "model")
    saved(tmp_path / "other")
    (tmp_path / "model").rename(tmp_path / "moved")
    with pytest.raises(StoreError, match="no longer there"):
        model.refresh()
    (tmp_path / "other").rename(tmp_path / "model")
    with pytest.raises(StoreError, match="another model"):
        model.refresh()
