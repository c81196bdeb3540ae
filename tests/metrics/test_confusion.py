"""Counts of answers: beside scikit-learn, and where a class is called as abstaining might be."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import confusion_matrix

from preforget.core.abstain import ABSTAIN
from preforget.data.dataset import label_array
from preforget.metrics.confusion import confusion


def test_the_column_of_abstaining_is_its_own_even_for_a_class_called_none() -> None:
    answers = np.array(["none", ABSTAIN], dtype=object)
    counts = confusion(label_array(["none", "none"]), answers, ["none"], ["none"])
    assert counts.tolist() == [[1, 1]]


def test_it_is_that_of_scikit_learn_where_nothing_is_abstained() -> None:
    rng = np.random.default_rng(0)
    truth, answers = rng.choice(["a", "b", "c"], 50), rng.choice(["a", "b", "c"], 50)
    counts = confusion(truth, answers, "abc", "abc")
    np.testing.assert_array_equal(counts[:, :3], confusion_matrix(truth, answers, labels=["a", "b", "c"]))
    assert not counts[:, 3].any()
