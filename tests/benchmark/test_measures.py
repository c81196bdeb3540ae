from __future__ import annotations

import numpy as np
import pytest

from preforget.audit.attacks.mixed_stream import FORGET, MEMBERSHIP, RETAIN, RETAIN_TRAIN
from preforget.benchmark.context import Context
from preforget.benchmark.measures import (
    compared,
    measured,
    parts_for,
    recovered,
    validated,
    without_columns,
)
from preforget.benchmark.sources import open_source
from preforget.benchmark.trained_models import learning, model_of


def test_gaps_and_tug_of_war_by_hand() -> None:
    values = dict.fromkeys(("auroc", "mia"), 0.5)
    model = {FORGET: 0.1, RETAIN: 0.8, RETAIN_TRAIN: 0.9, MEMBERSHIP: 0.5, "recovery": 0.7, **values}
    other = {FORGET: 0.0, RETAIN: 1.0, RETAIN_TRAIN: 0.9, MEMBERSHIP: 0.1, "recovery": 0.4, **values}
    found = compared(model, other)
    assert found["tow"] == pytest.approx(0.9 * 0.8 * 1.0)
    assert found["gap"] == pytest.approx((0.1 + 0.2 + 0.0 + 0.4) / 4)
    assert found["recovery_gap"] == pytest.approx(0.3)
    assert compared(model, model)["gap"] == 0


def test_a_model_that_has_not_forgotten_is_seen(done: Context) -> None:
    source = open_source(done.matrix.data[0], device="cpu", dtype="float32")
    gone = source.data.classes[:1]
    parts = parts_for(source.data, gone, 20, 0)
    assert set(parts.forget_test.labels) == set(gone)
    assert not set(parts.retain_test.labels) & set(gone)
    model = model_of(done, learning(done, "colours", "exact", (), 0))
    found = measured(model, parts, 0)
    assert found["forget accuracy"] > 0.8
    assert 0 <= found["recovery"] <= 1
    assert measured(model, parts, 0) == found
    assert validated(model, source.data, gone, 20, 0)["forget accuracy"] > 0.8


def test_columns_of_forgotten_classes_are_dropped_before_the_attack(done: Context) -> None:
    source = open_source(done.matrix.data[0], device="cpu", dtype="float32")
    head = model_of(done, learning(done, "colours", "lora", (), 0))
    gone = source.data.classes[0]
    cut = without_columns(head, {gone})
    assert cut.labels == [label for label in head.labels if label != gone]
    inputs = source.data.test.inputs
    assert np.allclose(cut.scores(inputs), head.scores(inputs)[:, 1:], atol=1e-6)
    assert without_columns(head, {"none"}) is head
    assert recovered(object(), parts_for(source.data, (gone,), 20, 0), 0) is None  # a closed model
