"""What heads say of held-out vectors, with and without the class of each."""

from __future__ import annotations

import numpy as np
import pytest

from preforget.backbones.vectors import vector_encoder
from preforget.data import Split, Vectors
from preforget.engines.base import Session
from preforget.engines.derive import MOST_PAIRED
from preforget.engines.exact import ExactEngine
from preforget.engines.judging import as_unknown, judge
from preforget.engines.options import Exact

from .conftest import vector_blobs


def learned(train: Split, held_out: Split) -> ExactEngine:
    assert isinstance(train.inputs, Vectors)
    engine = ExactEngine(vector_encoder(train.inputs.width), Exact())
    engine.learn(train, held_out, Session())
    return engine


@pytest.mark.parametrize("count", [3, MOST_PAIRED + 1])
def test_images_of_a_class_that_is_left_out_are_less_sure(count: int) -> None:
    names = tuple(f"class {number:02}" for number in range(count))
    engine = learned(vector_blobs(30, 0, 40, names), vector_blobs(25, 1, 40, names))
    judged = judge(engine.heads(names), names, engine.bank, engine._derived)
    unknown = as_unknown(engine.heads(names), names, engine.bank, engine._derived)
    assert len(judged.confidence) == len(unknown) == 25 * count
    assert np.median(unknown) < np.quantile(judged.confidence, 0.1)
    only = as_unknown(engine.heads(names[:1]), names[:1], engine.bank, engine._derived)
    assert len(only) == 0


def test_known_and_unknown_get_probabilities_that_are_near_to_shares() -> None:
    names = tuple("abcdefg")
    engine = learned(vector_blobs(40, 0, 12, names[:6]), vector_blobs(60, 1, 12, names[:6]))
    test = vector_blobs(200, 2, 12, names)
    scores, confidence = engine.evaluate(test.inputs)
    known = engine.known_probability(scores, confidence, engine.bank.attached, 0.95)
    strange = test.labels == "g"
    assert known[strange].mean() < 0.3
    assert known[~strange].mean() > 0.8
    gone = learned(vector_blobs(40, 0, 12, names[:6]), vector_blobs(60, 1, 12, names[:6]))
    gone.known_probability(scores, confidence, gone.bank.attached, 0.95)
    gone.forget("c")
    left = [name for name in names[:6] if name != "c"]
    fresh = learned(
        vector_blobs(40, 0, 12, names[:6]).without("c"), vector_blobs(60, 1, 12, names[:6]).without("c")
    )
    ours, theirs = (e.known_probability(*e.evaluate(test.inputs), left, 0.95) for e in (gone, fresh))
    assert ours.tobytes() == theirs.tobytes()
