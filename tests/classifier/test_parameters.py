"""Parameters as scikit-learn's tools expect them, and these tools on images, paths and vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import preforget as pf
from preforget.core.errors import UsageError

from .tiny import data


def vectors(each: int = 20, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Clouds around corners of a cube, in 4 dimensions."""
    rng = np.random.default_rng(0)
    centres = 4.0 * np.eye(4)[:classes]
    return np.repeat(centres, each, axis=0) + rng.normal(size=(each * classes, 4)), np.repeat(
        np.arange(classes), each
    )


def on_vectors(**options: Any) -> pf.PreForgettableClassifier:
    return pf.PreForgettableClassifier("features", "exact", **options)


@pytest.fixture
def on_images(tiny_vit: Path) -> pf.PreForgettableClassifier:
    return pf.PreForgettableClassifier(
        str(tiny_vit), "exact", 16, device="cpu", dtype="float32", levels=1, on_unknown="best"
    )


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "engine", ["exact", pytest.param(pf.engines.Isolated(epochs=3), marks=pytest.mark.slow, id="isolated")]
)
def test_scikit_learns_own_checks_pass(engine: Any) -> None:
    results = check_estimator(pf.PreForgettableClassifier(backbone="features", engine=engine), on_skip=None)
    assert {one["status"] for one in results} <= {"passed", "skipped"}
    assert sum(one["status"] == "passed" for one in results) > 50


def test_parameters_are_kept_as_given_and_nothing_is_checked() -> None:
    model = pf.PreForgettableClassifier("nowhere", "magic", keep=7, epochs="many")
    assert model.get_params() == {
        **{"backbone": "nowhere", "engine": "magic", "image_size": None, "seed": 0, "keep": 7},
        **{"on_unknown": None, "shortlist": 0, "device": "auto", "dtype": "auto", "revision": None},
        "epochs": "many",
    }
    assert clone(model).get_params() == model.get_params()
    assert is_classifier(model)


def test_options_of_the_engine_by_both_names() -> None:
    model = pf.PreForgettableClassifier(engine=pf.engines.Isolated(epochs=20))
    assert model.get_params()["engine__epochs"] == 20
    model.set_params(engine__epochs=5, engine__seed=2)
    assert clone(model).engine == pf.engines.Isolated(epochs=5, seed=2)
    flat = pf.PreForgettableClassifier(epochs=20).set_params(epochs=5, engine__lora_rank=2, seed=3)
    assert clone(flat).get_params().items() >= {"epochs": 5, "lora_rank": 2, "seed": 3}.items()
    for wrong in ("epoch", "engine__epoch", "engine__seed"):
        with pytest.raises(UsageError, match=f"Invalid parameter '{wrong}'"):
            flat.set_params(**{wrong: 1})
    assert flat.set_params(engine="exact", shrinkage=1.0).engine == "exact"


def test_tools_on_vectors() -> None:
    X, y = vectors()
    pipeline = make_pipeline(StandardScaler(), on_vectors()).fit(X, y)
    assert pipeline.score(X, y) > 0.9
    assert (cross_val_score(on_vectors(), X, y, cv=3, error_score="raise") > 0.9).all()
    grid = GridSearchCV(on_vectors(), {"shrinkage": [0.3, 3.0]}, cv=3, error_score="raise").fit(X, y)
    assert grid.best_estimator_.engine_.config.shrinkage == grid.best_params_["shrinkage"]
    assert CalibratedClassifierCV(on_vectors(), cv=3).fit(X, y).score(X, y) > 0.9


def _as_paths(images: np.ndarray, folder: Path) -> list[Path]:
    paths = [folder / f"{number}.png" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    return paths


@pytest.mark.parametrize("kind", ["images", "paths", "text"])
def test_tools_on_images_and_paths(kind: str, on_images: pf.PreForgettableClassifier, tmp_path: Path) -> None:
    images, names = data(6)
    y = np.array(names)
    X: Any = images
    if kind != "images":
        X = _as_paths(images, tmp_path)
    if kind == "text":
        X = [str(path) for path in X]
    assert accuracy_score(y, on_images.fit(X, y).predict(X)) == on_images.score(X, y) > 0.9
    assert np.array_equal(clone(on_images).fit(X, y).scores(X), on_images.scores(X))
    pipeline = make_pipeline(FunctionTransformer(), clone(on_images))
    assert np.array_equal(pipeline.fit(X, y).predict_proba(X), on_images.predict_proba(X))
    grid = GridSearchCV(clone(on_images), {"shrinkage": [3.0]}, cv=2, error_score="raise").fit(X, y)
    assert grid.best_score_ > 0.5
    assert grid.score(X, y) == on_images.score(X, y)
    scores = cross_val_score(clone(on_images), X, y, cv=2, error_score="raise")
    assert scores.mean() == pytest.approx(grid.best_score_)
    assert CalibratedClassifierCV(clone(on_images), cv=2).fit(X, y).score(X, y) > 0.5


@pytest.mark.parametrize("names", [[2, 10, -1], [True, False], ["a", "b", "c"], [1.0, 0.0, 2.0]])
def test_labels_keep_their_type(names: list[Any], tmp_path: Path) -> None:
    X, place = vectors(classes=len(names))
    y = np.array(names)[place]
    model = on_vectors().fit(X, y)
    for one in (model, _reloaded(model, tmp_path / "m")):
        assert np.array_equal(one.classes_, np.unique(y))
        assert one.classes_.dtype == y.dtype
        answers = one.predict(X)
        assert answers.dtype == y.dtype
        assert (answers == y).mean() > 0.9
        assert np.array_equal(one.classes_[one.predict_proba(X).argmax(axis=1)], answers)
        assert np.array_equal(one.classes_[one.scores(X).argmax(axis=1)], answers)
    model.forget(y[0])
    assert y[0] not in model.classes_.tolist()
    assert set(model.predict(X)) <= set(model.classes_)


def _reloaded(model: pf.PreForgettableClassifier, folder: Path) -> pf.PreForgettableClassifier:
    model.save_pretrained(folder)
    return pf.PreForgettableClassifier.from_pretrained(folder)


def test_what_is_said_of_inputs_of_no_known_class() -> None:
    X, y = vectors()
    strange = np.concatenate([X[:3], 40 * np.ones((2, 4)) * [1, -1, 1, -1]])
    best = on_vectors().fit(X, y)
    assert best.predict(strange).dtype == y.dtype
    abstaining, uniform = (on_vectors(on_unknown=what).fit(X, y) for what in ("abstain", "uniform"))
    for model in (abstaining, uniform):
        answers = model.predict(strange)
        assert answers.dtype == object
        assert [answer is pf.ABSTAIN for answer in answers[3:]] == [True, True]
        assert answers[0] == 0
        assert np.allclose(model.predict_proba(strange).sum(axis=1), 1)
    assert np.allclose(uniform.predict_proba(strange)[3:], 1 / 3)
    assert np.array_equal(abstaining.predict_proba(strange), best.predict_proba(strange))
    known = abstaining.known_proba(strange)
    assert (known[:3] >= 0.5).any()
    assert (known[3:] < 0.5).all()
