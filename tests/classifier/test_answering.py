from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import preforget as pf
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import UnknownLabelError, UsageError

from .tiny import CLASSES, Make, data


def test_predictions_and_probabilities_belong_together(model: PreForgettableClassifier) -> None:
    images = data(4, seed=3)[0]
    shares, answers = model.predict_proba(images), model.predict(images)
    assert shares.shape == (16, 4)
    assert (shares >= 0).all()
    assert np.allclose(shares.sum(axis=1), 1)
    best = np.array(model.labels, dtype=object)[shares.argmax(axis=1)]
    assert all(answer is pf.ABSTAIN or answer == guess for answer, guess in zip(answers, best, strict=True))
    again, confidence = model.predict_with_confidence(images)
    assert np.array_equal(again, answers)
    known = model.known_proba(images)
    assert np.allclose(confidence, known * shares.max(axis=1))
    assert ((known > 0) & (known < 1)).all()


def test_the_unsure_are_answered_with_abstention(make: Make) -> None:
    model = make(epochs=20).fit(*data(20))
    images, labels = data(20, seed=3)
    answers = model.predict(images, without="cat")
    cats = np.array(labels) == "cat"
    assert "cat" not in set(answers)
    abstained = np.array([answer is pf.ABSTAIN for answer in answers])
    assert abstained[cats].mean() > 0.5 + abstained[~cats].mean()


def test_leaving_out_for_one_request_is_like_detaching(model: PreForgettableClassifier) -> None:
    images = data(4, seed=3)[0]
    asked = model.predict(images, without=["cat", "ant"])
    assert model.labels == CLASSES
    model.detach("cat")
    model.detach("ant")
    assert model.labels == ["bee", "dog"]
    assert np.array_equal(asked, model.predict(images))
    model.attach("ant")
    assert model.labels == ["ant", "bee", "dog"]


def test_leaving_out_everything_abstains(model: PreForgettableClassifier) -> None:
    answers, confidence = model.predict_with_confidence(data()[0], without=CLASSES)
    assert all(answer is pf.ABSTAIN for answer in answers)
    assert not confidence.any()


@pytest.mark.parametrize("without", ["cow", ["cat", "cow"]])
def test_leaving_out_a_class_that_is_unknown(model: PreForgettableClassifier, without: Any) -> None:
    with pytest.raises(UnknownLabelError, match="cow"):
        model.predict(data()[0], without=without)


@pytest.mark.parametrize("engine", ["isolated", "exact"])
def test_probabilities_of_every_number_of_classes(engine: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4)) + np.repeat(np.eye(3, 4) * 3, 30, axis=0)
    y = np.repeat(["ant", "bee", "cat"], 30)
    model = pf.PreForgettableClassifier("features", engine, on_unknown="uniform").fit(X, y)
    for left in (3, 2, 1, 0):
        found, shares, known = model.respond(X), model.predict_proba(X), model.known_proba(X)
        assert shares.shape == (90, left)
        assert shares.sum(axis=1) == pytest.approx(1 if left else 0, abs=1e-5)
        assert ((known >= 0) & (known <= 1)).all()
        silent = np.array([answer is pf.ABSTAIN for answer in model.predict(X)])
        assert np.array_equal(silent, found.confidence < found.limit)
        assert (shares[silent] == shares[silent][:, :1]).all()
        assert np.array_equal(found.probabilities, shares)
        if not left:
            assert silent.all()
            assert not known.any()
            break
        assert [one.held_out for one in model.engine_.coverage(model.keep)] == [4] * left
        model.forget(model.labels[0])


def test_keep_counts_from_the_next_answer_on() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) + np.repeat([[0.0], [2.0]], 100, axis=0)
    model = pf.PreForgettableClassifier("features", "isolated", on_unknown="abstain").fit(
        X, np.repeat([0, 1], 100)
    )
    shares = []
    for keep in (0.95, 0.5):
        model.keep = keep
        shares.append(np.mean([answer is not pf.ABSTAIN for answer in model.predict(X)]))
    assert shares[0] > 0.85
    assert shares[1] == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("engine", ["isolated", "exact"])
def test_a_class_can_have_a_share_of_its_own(engine: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3)) + np.repeat([[0.0], [3.0], [6.0]], 100, axis=0)
    y = np.repeat([0, 1, 2], 100)
    model = pf.PreForgettableClassifier("features", engine, on_unknown="abstain").fit(X, y)
    plain = model.respond(X)
    model.keep = {1: 0.4, None: 0.95}
    found = model.respond(X)
    best = found.probabilities.argmax(axis=1) == 1
    assert np.array_equal(found.limit[~best], plain.limit[~best])
    assert (found.limit[best] > plain.limit[best]).all()
    answered = [one.answered for one in model.evaluate(X, y).classes]
    assert answered[1] == pytest.approx(40, abs=20)
    assert min(answered[0], answered[2]) > 85
    assert [one.answered for one in model.engine_.coverage(model.keep_)][1] <= 8
    model.forget(1)
    assert model.keep == 0.95
    assert not model.keep_.classes
    model.keep = {7: 0.5}
    with pytest.raises(UsageError, match="'7', which is no class"):
        model.predict(X)
