from __future__ import annotations

from pathlib import Path

import numpy as np

from preforget.classifier import PreForgettableClassifier
from preforget.core.abstain import ABSTAIN
from preforget.data import load_data
from preforget.demo.look import look

from .conftest import MakeLook


def test_by_hand(make_look: MakeLook) -> None:
    seen = make_look(["a", "b", "b"], ["a", "b"], [[2, 1], [3, -1], [-2, -1]])
    assert seen.guesses.tolist() == ["a", "a", "b"]
    assert seen.abstained.tolist() == [False, False, True]
    assert seen.answers.tolist() == ["a", "a", ABSTAIN]
    assert seen.accuracy() == 2 / 3
    assert seen.accuracy(seen.truth == "b") == 0.5


def test_answers_are_those_of_predict(tiny_vit: Path) -> None:
    data = load_data("digits")
    train, test = data.train.only(["0", "1"]), data.test.only(["0", "1", "8"])
    model = PreForgettableClassifier(str(tiny_vit), epochs=2, device="cpu", dtype="float32").fit(train)
    seen = look(model, test)
    assert seen.classes == ["0", "1"]
    assert seen.answers.tolist() == model.predict(test.inputs).tolist()
    np.testing.assert_array_equal(seen.scores, model.scores(test.inputs))
