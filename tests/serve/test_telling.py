from __future__ import annotations

import numpy as np

from preforget.classifier.answering import Answers
from preforget.core.abstain import ABSTAIN
from preforget.serve.telling import Telling, labels_of

SHARES = np.array([[0.125, 0.75, 0.125], [0.5, 0.25, 0.25]], dtype=np.float32)
NUMBERS = np.array([1.23456, -np.inf], dtype=np.float32)


def some() -> Answers:
    answers = np.array(["b", ABSTAIN], dtype=object)
    return Answers(["a", "b", "c"], answers, SHARES, None, NUMBERS, NUMBERS)


def test_everything_is_told_the_most_probable_class_first() -> None:
    first, second = Telling().rows(some())
    assert first["labels"] == ["b"]
    assert [each["label"] for each in first["classes"]] == ["b", "a", "c"]
    assert second["abstained"]
    assert np.isfinite(second["confidence"])


def test_less_is_told_when_asked_for() -> None:
    assert [len(row["classes"]) for row in Telling(top_k=2).rows(some())] == [2, 2]
    assert Telling(labels_only=True).rows(some()) == [
        {"labels": ["b"], "abstained": False},
        {"labels": [], "abstained": True},
    ]
    assert Telling(decimals=1).rows(some())[0]["confidence"] == np.float32(1.2)


def test_several_labels() -> None:
    assert labels_of(("a", "b")) == ["a", "b"]
