"""What an attack may see of a model, ours and a foreign one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from preforget.audit.attacks.observe import Parts, observe
from preforget.classifier import PreForgettableClassifier
from preforget.core.abstain import ABSTAIN
from preforget.core.errors import DataError, NotFittedError, UsageError
from preforget.data import Split
from preforget.data.dataset import label_array


class Foreign:
    """A model of numbers that an image's first pixel decides."""

    def __init__(self, scores: Any) -> None:
        self._scores = scores

    def scores(self, X: Any) -> Any:
        return self._scores


def numbers(count: int) -> Split:
    return Split(np.zeros((count, 4, 4), dtype=np.uint8), label_array(["a", "b", "c"][:count]))


def test_our_model_says_what_a_user_is_told(model: PreForgettableClassifier, split: Split) -> None:
    seen = observe(model, split)
    assert list(seen.answers) == list(model.predict(split.inputs))
    assert np.array_equal(seen.scores, model.scores(split.inputs))
    assert np.array_equal(seen.probabilities, model.engine_.probabilities(seen.scores))
    assert seen.labels == tuple(model.labels)
    sure = np.array([answer is not ABSTAIN for answer in seen.answers])
    assert np.array_equal(sure, seen.confidence >= model.engine_.threshold(model.keep))
    assert len(seen) == len(split)


def test_a_foreign_model_answers_with_its_softmax() -> None:
    seen = observe(Foreign([[0.0, np.log(3.0)], [2.0, 2.0]]), numbers(2), labels=["a", "b"])
    np.testing.assert_allclose(seen.probabilities, [[0.25, 0.75], [0.5, 0.5]])
    np.testing.assert_allclose(seen.confidence, [0.75, 0.5])
    assert list(seen.answers) == ["b", "a"]


def test_the_names_of_columns_are_the_model_s_own_where_it_has_any() -> None:
    model = Foreign(np.eye(2))
    model.labels = ["x", "y"]  # type: ignore[attr-defined]
    assert observe(model, numbers(2)).labels == ("x", "y")
    assert observe(model, numbers(2), labels=["p", "q"]).labels == ("p", "q")


def test_abstain_is_what_a_row_lacks_and_rounding_is_nothing() -> None:
    seen = observe(Foreign(np.zeros((3, 2))), numbers(3), labels=["a", "b"])
    object.__setattr__(seen, "probabilities", np.array([[0.5, 0.2], [0.6, 0.4 - 1e-7], [0.5, 0.5 + 1e-7]]))
    whole = seen.with_abstain()
    np.testing.assert_allclose(whole[:, 2], [0.3, 0, 0], atol=1e-12)
    np.testing.assert_allclose(whole.sum(axis=1), 1, rtol=1e-12)
    assert list(seen.true_columns()) == [0, 1, 2]


@pytest.mark.parametrize("scores", [np.zeros((2, 3)), np.zeros((3, 2)), np.array([[0, np.nan], [0, 1.0]])])
def test_scores_that_can_not_be_used(scores: Any) -> None:
    with pytest.raises(DataError, match="one row per input and one column per class"):
        observe(Foreign(scores), numbers(2), labels=["a", "b"])


def test_columns_without_names(model: PreForgettableClassifier) -> None:
    with pytest.raises(UsageError, match="labels="):
        observe(Foreign(np.zeros((2, 2))), numbers(2))
    with pytest.raises(NotFittedError, match="learned nothing"):
        observe(model.untrained(), numbers(2))


def test_parts_keep_their_names() -> None:
    assert dict(Parts(1, 2, 3, 4).items()) == {
        "forget_train": 1,
        "forget_test": 2,
        "retain_train": 3,
        "retain_test": 4,
    }
