"""What held-out inputs say of a model's answers."""

from __future__ import annotations

import numpy as np
import pytest

from preforget.engines.coverage import one_limit
from preforget.engines.judged import Judged
from preforget.engines.temperature import Sharpness, likeliest_sharpness


def test_what_follows_is_that_of_the_functions() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 30)
    scores = rng.normal(size=(60, 2)) + 4 * np.eye(2)[truth]
    confidence = scores.max(axis=1).astype(np.float32)
    judged = Judged(("a", "b"), scores, confidence, truth)
    assert judged.sharpness == likeliest_sharpness(scores, truth)
    shared = one_limit(confidence, 0.9)
    assert judged.limits(0.9, shared) == pytest.approx([shared, shared])
    assert [one.held_out for one in judged.coverage(0.9, shared)] == [30, 30]
    assert sum(one.answered for one in judged.coverage(0.9, shared)) == (confidence >= shared).sum()
    judged.wipe()
    assert not confidence.any()


def test_without_inputs_nothing_is_said() -> None:
    none = Judged(("a",), np.zeros((0, 1)), np.zeros(0), np.zeros(0, dtype=np.int64))
    assert none.sharpness == Sharpness(1, 1)
    assert none.limits(0.95, 2.0).tolist() == [2]
