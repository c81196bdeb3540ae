from __future__ import annotations

from pathlib import Path

import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import UsageError
from preforget.serve.models import ServedModel, load_models, model_named
from preforget.serve.problems import Problem
from preforget.serve.settings import Settings


def test_models_have_the_names_of_their_folders_or_given_ones(model: Path) -> None:
    models = load_models([model, Path(f"other={model}")], Settings(), device="cpu")
    assert list(models) == ["model", "other"]
    assert model_named(models, "other") is models["other"]
    with pytest.raises(Problem):
        model_named(models, None)
    with pytest.raises(Problem):
        model_named(models, "third")
    for served in models.values():
        served.close()


def test_names_that_cant_be_used(model: Path) -> None:
    with pytest.raises(UsageError, match="two models are called"):
        load_models([model, model], Settings())
    with pytest.raises(UsageError, match="can't be a model's name"):
        load_models([Path(f"für={model}")], Settings())
    with pytest.raises(UsageError, match="bound to a folder"):
        ServedModel("a", PreForgettableClassifier(), Settings())
