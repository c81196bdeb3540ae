from __future__ import annotations

import copy
import json
import pickle

import numpy as np
from sklearn.metrics import accuracy_score

from preforget.core.abstain import ABSTAIN, Abstain


def test_there_is_one() -> None:
    assert Abstain() is ABSTAIN
    assert copy.deepcopy(ABSTAIN) is ABSTAIN
    assert pickle.loads(pickle.dumps(ABSTAIN)) is ABSTAIN


def test_it_is_no_label() -> None:
    assert ABSTAIN != "ABSTAIN"
    assert ABSTAIN != ""
    assert not ABSTAIN
    assert repr(ABSTAIN) == "ABSTAIN"


def test_it_sorts_after_every_label_and_turns_into_text() -> None:
    answers = np.array(["b", ABSTAIN, "a", ABSTAIN], dtype=object)
    assert np.unique(answers).tolist() == ["a", "b", ABSTAIN]
    assert sorted([2, ABSTAIN, 10]) == [2, 10, ABSTAIN]
    assert (answers == ABSTAIN).tolist() == [False, True, False, True]
    assert answers.astype(str).tolist() == ["b", "ABSTAIN", "a", "ABSTAIN"]
    assert json.dumps(answers.tolist(), default=str) == '["b", "ABSTAIN", "a", "ABSTAIN"]'
    assert accuracy_score(["b", "b", "a", "a"], answers.astype(str)) == 0.5
