from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import preforget as pf
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import (
    UnknownLabelError,
)

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
    model = make(epochs=40).fit(*data(20))
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
