"""What is held of validation inputs: one record, and nothing of who is forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from preforget.core.errors import UsageError
from preforget.engines.held_out import HeldOut
from preforget.engines.pair_scores import PairScores


def record_of(labels: list[str]) -> PairScores:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(len(labels)), 5)
    return PairScores.of(labels, truth, rng.normal(size=(len(truth), len(labels))))


def test_forgetting_overwrites_what_was_held() -> None:
    held = HeldOut()
    record = record_of(["a", "b", "c"]).to_record()
    held.take([record])
    formed = held.formed(["a", "b", "c"])
    assert formed is not None
    held.forget("b")
    assert not any(tensor.any() for tensor in record.tensors.values())
    assert not formed.scores.values.any()
    (left,) = held.records
    assert left.id != record.id
    assert PairScores.from_record(left).labels == ("a", "c")
    assert held.formed(["a", "b"]) is None
    held.forget("unknown")
    assert held.records == [left]
    held.forget("a")
    held.forget("c")
    assert held.records == []


def test_what_was_formed_is_that_of_the_classes_asked_about() -> None:
    held = HeldOut()
    held.take([record_of(["a", "b", "c"]).to_record()])
    formed = held.formed(["c", "a"])
    assert formed is held.formed(["a", "c"])
    assert formed is not None
    assert formed.scores.labels == ("a", "c")
    assert held.formed([]) is None
    assert held.formed(["a", "d"]) is None


def test_there_is_one_record_at_most() -> None:
    one = record_of(["a", "b"]).to_record()
    with pytest.raises(UsageError, match="a second one"):
        HeldOut().take([one, one])
