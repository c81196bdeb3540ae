from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.classifier.packing import FACTS, as_arrays, from_arrays
from preforget.core.errors import BackboneError


@pytest.mark.parametrize(("engine", "options"), [("exact", {}), ("isolated", {"epochs": 2})])
def test_there_and_back(engine: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([1, 2, 3], 12)
    X = rng.normal(size=(36, 4)) + np.repeat(np.eye(3, 4) * 4, 12, axis=0)
    model = PreForgettableClassifier("features", engine, device="cpu", keep=0.9, **options).fit(X, y)
    model.detach(2)
    twin = from_arrays(as_arrays(model), device="cpu")
    assert twin.folder is None
    assert (twin.classes_.tolist(), twin.keep) == ([1, 3], 0.9)
    assert np.array_equal(twin.scores(X), model.scores(X))
    twin.attach(2)
    twin.forget(2)
    assert model.attach(2) is None or 2 in model.classes_


def test_another_backbone_is_refused() -> None:
    X = np.random.default_rng(0).normal(size=(20, 4))
    arrays = as_arrays(PreForgettableClassifier("features", "exact").fit(X, np.repeat([0, 1], 10)))
    changed = arrays[FACTS].tobytes().replace(b'"digest":"sha256:', b'"digest":"sha256:0')
    with pytest.raises(BackboneError, match="no longer the backbone"):
        from_arrays({**arrays, FACTS: np.frombuffer(changed, dtype=np.uint8)})
