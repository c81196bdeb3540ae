from __future__ import annotations

from pathlib import Path

import pytest

from preforget.core.errors import (
    NotFittedError,
)

from .tiny import Make, data


def test_a_model_that_learned_nothing(make: Make, tmp_path: Path) -> None:
    model, images = make(), data()[0]
    for use in (
        lambda: model.predict(images),
        lambda: model.predict_proba(images),
        lambda: model.scores(images),
        lambda: model.forget("ant"),
        lambda: model.detach("ant"),
        lambda: model.attach("ant"),
        lambda: model.add("ant", *data()),
        lambda: model.save_pretrained(tmp_path / "m"),
    ):
        with pytest.raises(NotFittedError, match="call fit"):
            use()
    assert list(tmp_path.iterdir()) == []
    assert not hasattr(model, "classes_")
    assert repr(model) == f"<PreForgettableClassifier isolated on {model.backbone}: 0 classes>"
