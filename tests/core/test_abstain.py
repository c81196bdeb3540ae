from __future__ import annotations

import copy
import pickle

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
