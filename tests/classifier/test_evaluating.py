from __future__ import annotations

import json

import numpy as np

from preforget.classifier import PreForgettableClassifier
from preforget.classifier.evaluating import Evaluation
from preforget.core.abstain import ABSTAIN
from preforget.data import as_split

from .tiny import CLASSES, data


def test_accuracy_of_best_guesses_and_share_of_abstentions(exact: PreForgettableClassifier) -> None:
    images, labels = data(5, seed=4)
    exact.forget("cat")
    found = exact.evaluate(images, labels)
    best = np.array(exact.labels)[exact.scores(images).argmax(axis=1)]
    known = np.array(labels) != "cat"
    silent = np.array([answer is ABSTAIN for answer in exact.predict(images)])
    assert found.accuracy == (best == np.array(labels))[known].mean()
    assert found.abstained == silent[known].mean()
    assert [(one.label, one.count, one.abstained) for one in found.unknown] == [
        ("cat", 5, silent[~known].sum())
    ]
    assert found == exact.evaluate(as_split(images, labels))
    for label in CLASSES:
        if label != "cat":
            exact.forget(label)
    assert exact.evaluate(images, labels) == Evaluation(20, 0.0, 1.0, keep=0.95)


def test_several_labels_per_input_have_a_quality_each(exact: PreForgettableClassifier) -> None:
    images, labels = data(10)
    sets = [["animal", label] if label in ("ant", "bee") else [label] for label in labels]
    model = exact.untrained().fit(images, sets)
    found = model.evaluate(images, sets)
    assert found.accuracy is None
    assert {one.label for one in found.conditions} == {*CLASSES, "animal"}
    assert found.mean_average_precision is not None
    assert found.mean_average_precision > 0.5


def test_in_parts_it_is_as_at_once(exact: PreForgettableClassifier) -> None:
    images, labels = data(150, seed=4)
    found = exact.evaluate(images, labels, progress=True)
    assert found.inputs == 600
    assert found.accuracy == exact.score(images, labels) or found.abstained


def test_as_a_page_as_a_figure_and_as_plain_values(exact: PreForgettableClassifier) -> None:
    found = exact.evaluate(*data(5, seed=4))
    assert "<svg" in found.to_html("Round 7")
    assert "<h1>Round 7</h1>" in found.to_html("Round 7")
    assert len(found.plot().axes) == 3
    values = json.loads(json.dumps(found.as_dict()))
    assert values["accuracy"] == found.accuracy
    assert [one["label"] for one in values["classes"]] == CLASSES
