from __future__ import annotations

import numpy as np

from preforget.classifier import PreForgettableClassifier
from preforget.classifier.evaluating import Quality
from preforget.core.abstain import ABSTAIN
from preforget.data import as_split

from .tiny import CLASSES, data


def test_accuracy_of_best_guesses_and_share_of_abstentions(exact: PreForgettableClassifier) -> None:
    images, labels = data(5, seed=4)
    exact.forget("cat")
    found = exact.evaluate(images, labels)
    best = np.array(exact.labels)[exact.scores(images).argmax(axis=1)]
    assert found.accuracy == (best == np.array(labels)).mean()
    assert found.abstained == np.mean([answer is ABSTAIN for answer in exact.predict(images)])
    assert found == exact.evaluate(as_split(images, labels))
    for label in CLASSES:
        if label != "cat":
            exact.forget(label)
    assert exact.evaluate(images, labels) == Quality(20, 0.0, 1.0)


def test_several_labels_per_input_have_a_quality_each(exact: PreForgettableClassifier) -> None:
    images, labels = data(10)
    sets = [["animal", label] if label in ("ant", "bee") else [label] for label in labels]
    model = exact.untrained().fit(images, sets)
    found = model.evaluate(images, sets)
    assert found.accuracy is None
    assert {one.label for one in found.conditions} == {*CLASSES, "animal"}
    assert found.mean_average_precision is not None
    assert found.mean_average_precision > 0.5
