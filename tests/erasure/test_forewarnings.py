from __future__ import annotations

from dataclasses import replace

import numpy as np

from preforget.classifier import PreForgettableClassifier
from preforget.erasure import plan_in_memory
from preforget.erasure.forewarnings import FEW_INPUTS, fewest_inputs, forewarnings


def test_few_inputs_and_inputs_of_nobody() -> None:
    values = np.repeat([[0.0], [4.0], [8.0]], 20, axis=0) + np.random.default_rng(0).normal(size=(60, 2))
    labels = np.repeat(["Ada", "Grace", "Mary"], 20)
    subjects = ["Kim"] * 4 + ["Lee"] * 56
    engine = PreForgettableClassifier("features", "exact").fit(values, labels, subjects=subjects).engine_
    whole = plan_in_memory(engine, label="Ada")
    assert (fewest_inputs(whole) or 0) >= FEW_INPUTS
    assert forewarnings(whole, engine.records()) == []
    records = [replace(r, subject=None) if r.label == "Mary" else r for r in engine.records()]
    few, nobodys = forewarnings(plan_in_memory(engine, subject="Kim"), records)
    assert few.startswith("as few as ")
    assert nobodys.startswith("1 classes have inputs that were learned without a person: Mary;")
