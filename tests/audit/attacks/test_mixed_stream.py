"""The mixed stream: by hand, beside scikit-learn, and nobody is taken in by a masked column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix

from preforget.audit.attacks.mixed_stream import (
    ABOUT,
    FORGET,
    MEMBERSHIP,
    MOST_CLASSES,
    RETAIN,
    RETAIN_TRAIN,
    average_gap,
    measure,
    tug_of_war,
)
from preforget.audit.attacks.observe import Parts, Seen
from preforget.audit.attacks.scene import observe_parts
from preforget.classifier import PreForgettableClassifier
from preforget.core.abstain import ABSTAIN
from preforget.core.errors import DataError, UsageError
from preforget.data import Split
from preforget.data.dataset import label_array


def seen(labels: str, truth: str, scores: list[list[float]], limit: float = 0.0) -> Seen:
    """A model that answers with its highest score where that is above `limit`."""
    s = np.array(scores, dtype=np.float64).reshape(len(truth), len(labels))
    odds = np.exp(s)
    p = odds / (1 + odds.sum(axis=1, keepdims=True))
    best = np.array([*labels, ABSTAIN], dtype=object)
    answers = best[np.where(s.max(axis=1) > limit, s.argmax(axis=1), len(labels))]
    return Seen(tuple(labels), label_array([*truth]), s, p, s.max(axis=1), answers)


def parts(labels: str, forgotten: list[list[float]], retained: list[list[float]]) -> Parts[Seen]:
    """Two forgotten inputs `x`; retained ones `a`, `a`, `b`, learned from and kept apart alike."""
    gone, kept = seen(labels, "xx", forgotten), seen(labels, "aab", retained)
    return Parts(gone, gone, kept, kept)


def test_by_hand() -> None:
    # x: taken for b, not answered. a: right, wrong; b: its best guess is right and not answered
    found = measure(parts("ab", [[0, 1], [-1, -2]], [[2, 1], [1, 2], [-2, -1]]))
    assert found.values == pytest.approx(
        {
            FORGET: 0,
            RETAIN: 2 / 3,
            RETAIN_TRAIN: 2 / 3,
            "retain answered right": 1 / 3,
            "false accept": 1 / 2,
            "false abstain": 1 / 3,
            "prior only": 2 / 3,
        }
    )
    assert found.figures["confusion"] == {
        "rows": ["a", "b", "x"],
        "columns": ["a", "b", "none"],
        "counts": [[1, 1, 0], [0, 0, 1], [0, 1, 1]],
        "forgotten": ["x"],
    }
    assert set(found.values) == set(ABOUT.titles)


def test_before_forgetting_its_own_name_is_no_false_accept() -> None:
    found = measure(parts("abx", [[0, 0, 1], [1, 0, 0]], [[1, 0, 0], [1, 0, 0], [0, 1, 0]])).values
    assert (found[FORGET], found["false accept"], found[RETAIN]) == (0.5, 0.5, 1)


def test_a_hidden_column_looks_forgotten_here_and_its_inputs_are_accepted() -> None:
    masked = measure(parts("abx", [[1, 0, -np.inf], [0, 1, -np.inf]], [[1, 0, 0], [1, 0, 0], [0, 1, 0]]))
    assert masked.values[FORGET] == 0
    assert masked.values["false accept"] == 1


def test_one_class_left_has_no_more_than_its_prior() -> None:
    """Forgetting all but one: scored apart it is perfect, so the baseline says what that is worth."""
    kept = seen("a", "aa", [[1], [1]])
    gone = seen("a", "xy", [[1], [1]])
    found = measure(Parts(gone, gone, kept, kept)).values
    assert found[RETAIN] == found["prior only"] == found["false accept"] == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_it_is_what_scikit_learn_says_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, 2)
    draws = [
        ("".join(rng.choice([*names], size)), rng.normal(0, 1, (size, 3)))
        for names, size in zip(("xy", "abc"), sizes, strict=True)
    ]
    gone, kept = (seen("abc", truth, scores.tolist()) for truth, scores in draws)
    found = measure(Parts(gone, gone, kept, kept))
    guess = np.array([*"abc"])[kept.scores.argmax(axis=1)]
    assert found.values[RETAIN] == pytest.approx(accuracy_score(kept.truth.astype(str), guess))
    assert found.values[FORGET] == 0
    truth = np.array([*draws[1][0], *draws[0][0]])
    said = np.array(["none" if a is ABSTAIN else a for a in [*kept.answers, *gone.answers]])
    names = ["a", "b", "c", "x", "y", "none"]
    whole = confusion_matrix(truth, said, labels=names)
    matrix = found.figures["confusion"]
    rows = [names.index(row) for row in matrix["rows"]]
    columns = [names.index(column) for column in matrix["columns"]]
    assert np.array_equal(matrix["counts"], whole[np.ix_(rows, columns)])
    assert np.sum(matrix["counts"]) == sizes.sum()
    order = rng.permutation(sizes[1])
    turned = seen("abc", "".join(np.array([*draws[1][0]])[order]), draws[1][1][order].tolist())
    assert measure(Parts(gone, gone, turned, turned)) == found
    assert all(0 <= value <= 1 for value in found.values.values())
    assert found.values["retain answered right"] <= found.values[RETAIN]


def test_a_real_model_before_and_after(model: PreForgettableClassifier, split: Split) -> None:
    gone, kept = split.only("red"), split.without("red")
    found = measure(observe_parts(model, Parts(gone, gone, kept, kept))).values
    answers = model.predict(split.inputs)
    red = split.labels == "red"
    assert found["false accept"] == np.mean([a in ("blue", "green") for a in answers[red]])
    assert found["retain answered right"] == np.mean(answers[~red] == split.labels[~red])


def test_many_classes_have_no_matrix() -> None:
    names = [f"{number:03}" for number in range(MOST_CLASSES)]
    eye = np.eye(MOST_CLASSES)
    labels = label_array(names)
    kept = Seen(tuple(names), labels, eye, eye, eye.max(axis=1), labels)
    gone = Seen(tuple(names), label_array(["x"]), eye[:1], eye[:1], eye[0, :1], labels[:1])
    found = measure(Parts(gone, gone, kept, kept))
    assert found.figures == {}
    assert found.values[RETAIN] == 1


def test_parts_without_inputs() -> None:
    some, none = seen("a", "a", [[1]]), seen("a", "", [])
    for lacking in (Parts(some, none, some, some), Parts(some, some, some, none)):
        with pytest.raises(DataError, match="at least one of each"):
            measure(lacking)
    assert RETAIN_TRAIN not in measure(Parts(none, some, none, some)).values


ONE = {FORGET: 0.1, RETAIN: 0.9, RETAIN_TRAIN: 1.0}
OTHER = {FORGET: 0.0, RETAIN: 0.95, RETAIN_TRAIN: 0.8}


def test_gaps_by_hand() -> None:
    assert average_gap(ONE, OTHER) == pytest.approx((0.1 + 0.05 + 0.2) / 3)
    assert average_gap(ONE | {MEMBERSHIP: 0.7}, OTHER | {MEMBERSHIP: 0.5}) == pytest.approx(0.55 / 4)
    assert tug_of_war(ONE, OTHER) == pytest.approx(0.9 * 0.95 * 0.8)


shares = st.fixed_dictionaries({key: st.floats(0, 1) for key in ONE})


@given(shares, shares)
def test_gaps_are_symmetric_and_bounded(one: dict[str, float], other: dict[str, float]) -> None:
    for function, same in ((average_gap, 0), (tug_of_war, 1)):
        assert function(one, other) == function(other, one)
        assert 0 <= function(one, other) <= 1
        assert function(one, one) == same
    # each of three factors is at least 1 - sum of gaps, and their product is no more than the mean factor
    assert 1 - 3 * average_gap(one, other) <= tug_of_war(one, other) + 1e-12
    assert tug_of_war(one, other) <= 1 - average_gap(one, other) + 1e-12


def test_gaps_of_what_was_not_measured() -> None:
    for function in (average_gap, tug_of_war):
        with pytest.raises(UsageError, match="'forget accuracy' was not measured on both"):
            function(ONE, {RETAIN: 1.0, RETAIN_TRAIN: 1.0})
    with pytest.raises(UsageError, match="membership accuracy"):
        average_gap(ONE | {MEMBERSHIP: 0.5}, OTHER)
