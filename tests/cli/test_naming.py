"""The class or person that is meant is found however its name is typed, and no other in its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.cli.naming import find_name
from preforget.core.errors import UnknownLabelError, UsageError

from .conftest import Keyboard, Terminal

COMPOSED, APART = "caf\u00e9", "cafe\u0301"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Three classes and four persons, some of whose names look alike."""
    X = np.random.default_rng(0).normal(size=(48, 3)) + np.repeat(np.eye(3) * 9, 16, axis=0)
    y = np.repeat([COMPOSED, "CAF\u00c9", "tea"], 16)
    model = PreForgettableClassifier("features", "exact")
    model.fit(X, y, subjects=["Ann", "ann", "Bob", "Eve"] * 12, keep_similar_names=True)
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def labels(model: Path, terminal: Terminal) -> list[str]:
    return [entry["label"] for entry in terminal("classes", model, "--json").json["classes"]]


@pytest.mark.parametrize("typed", [COMPOSED, APART, f" {APART} "])
def test_the_class_is_found_however_it_is_typed(model: Path, terminal: Terminal, typed: str) -> None:
    done = terminal("forget", model, typed, "--yes")
    assert done.code == 0
    assert "class 'CAF\u00c9' ('CAF\\xc9') looks like" in done.err
    assert labels(model, terminal) == ["CAF\u00c9", "tea"]
    again = terminal("forget", model, typed, "--yes")  # a retry must not take the one that looks like it
    assert again.code == 5
    assert labels(model, terminal) == ["CAF\u00c9", "tea"]


def test_a_name_that_only_looks_alike_is_taken_where_a_question_follows(
    model: Path, terminal: Terminal, keyboard: Keyboard
) -> None:
    assert terminal("forget", model, "TEA\u200b", "--yes").code == 5
    keyboard("no\n")
    done = terminal("forget", model, "TEA\u200b")
    assert done.code == 1
    assert "there is no class 'TEA\\u200b' ('TEA\\u200b'); taken for 'tea', which looks like it" in done.err
    keyboard("yes\n")
    assert terminal("forget", model, "TEA\u200b").code == 0
    assert labels(model, terminal) == ["CAF\u00c9", COMPOSED]


def test_persons_are_meant_in_the_same_way(model: Path, terminal: Terminal) -> None:
    assert "one looks like it" in terminal("forget", model, "--subject", "eve", "--yes").err
    assert terminal("forget", model, "--subject", "ANN", "--yes").code == 2
    done = terminal("forget", model, "--subject", " Ann", "--yes")
    assert done.code == 0
    assert "subject 'ann' looks like 'Ann', is another one and stays" in done.err
    names = [row["name"] for row in terminal("subjects", model, "--reveal", "--json").json["subjects"]]
    assert names == ["Bob", "Eve", "ann"]


def test_two_that_could_be_meant_are_shown_and_neither_is_taken() -> None:
    with pytest.raises(UsageError, match="2 look like it: 'Cat', 'cat'; type one of them"):
        find_name("class", "CAT", ["Cat", "cat"], may_ask=True)
    with pytest.raises(UnknownLabelError, match="did you mean: cat; one looks like it: to be asked"):
        find_name("class", "CAT", ["cat"], may_ask=False)
    with pytest.raises(UnknownLabelError) as caught:
        find_name("subject", "Eva", ["Ann"], may_ask=True)
    assert "Ann" not in str(caught.value)
