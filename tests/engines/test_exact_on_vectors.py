"""The exact engine on vectors: what is left after forgetting is the model that never saw what was forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from preforget.backbones.vectors import vector_encoder
from preforget.core.errors import UsageError
from preforget.data import Split, Vectors
from preforget.data.dataset import label_array
from preforget.engines import features
from preforget.engines.base import Session
from preforget.engines.exact import ExactEngine
from preforget.engines.multilabel_exact import MultilabelExactEngine
from preforget.engines.options import Exact, Paper
from preforget.engines.paper import PaperEngine

from .conftest import vector_blobs

CLASSES = [f"class {number:02}" for number in range(4)]
PEOPLE = ["Ada", "Bob", "Cy"]


def blobs(
    each: int, seed: int, width: int = 6, classes: Sequence[str] = CLASSES, people: bool = False
) -> Split:
    """Return `vector_blobs` of `CLASSES`, of people if asked for."""
    split = vector_blobs(each, seed, width, classes)
    if not people:
        return split
    chosen = np.random.default_rng(seed).choice(PEOPLE, len(split))
    return replace(split, subjects=label_array(list(map(str, chosen))))


def learned(train: Split, validation: Split, **options: Any) -> ExactEngine:
    assert isinstance(train.inputs, Vectors)
    engine = ExactEngine(vector_encoder(train.inputs.width), Exact(**options))
    engine.learn(train, validation, Session())
    return engine


def same(one: ExactEngine, two: ExactEngine, inputs: Any) -> bool:
    """Compare all records, and the bits of scores, confidence and thresholds."""
    if [r.digest() for r in one.records()] != [r.digest() for r in two.records()]:
        return False
    pairs = zip(one.evaluate(inputs), two.evaluate(inputs), strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs) and one.threshold(0.9) == two.threshold(0.9)


@pytest.mark.parametrize(("width", "each"), [(6, 30), (40, 3)])
def test_forgetting_a_class_equals_retraining(width: int, each: int) -> None:
    train, held_out = blobs(each, 0, width), blobs(3, 1, width)
    engine = learned(train, held_out)
    engine.scores(held_out.inputs)
    engine.forget(CLASSES[1])
    never = learned(train.without(CLASSES[1]), held_out.without(CLASSES[1]))
    assert same(engine, never, blobs(9, 2, width).inputs)


def test_with_many_classes_too() -> None:
    many = [f"class {number:02}" for number in range(35)]
    train, held_out = blobs(4, 0, classes=many), blobs(2, 1, classes=many)
    engine = learned(train, held_out)
    assert (engine.scores(train.inputs).argmax(axis=1) == [many.index(c) for c in train.labels]).mean() > 0.9
    engine.forget(many[7])
    assert same(engine, learned(train.without(many[7]), held_out.without(many[7])), held_out.inputs)


def test_forgetting_a_subject_equals_retraining() -> None:
    train, held_out = blobs(20, 0, people=True), blobs(6, 1, people=True)
    engine = learned(train, held_out)
    engine.forget_subject("Bob")
    engine.derive()
    never = learned(train.without_subjects("Bob"), held_out.without_subjects("Bob"))
    assert same(engine, never, blobs(9, 2).inputs)


def test_the_order_of_the_data_leaves_no_trace() -> None:
    train, held_out = blobs(20, 0), blobs(3, 1)
    other = train.select(np.random.default_rng(5).permutation(len(train)))
    one, two = learned(train, held_out), learned(other, held_out)
    # few vectors are kept as rows in the order of the data; what answers is made of sums alone
    assert one.scores(held_out.inputs).tobytes() == two.scores(held_out.inputs).tobytes()


def test_classes_are_told_apart_and_noise_is_not_answered() -> None:
    engine = learned(blobs(40, 0), blobs(10, 1))
    test = blobs(50, 2)
    scores, confidence = engine.evaluate(test.inputs)
    assert (np.array(CLASSES)[scores.argmax(axis=1)] == test.labels).mean() > 0.97
    assert (confidence >= engine.threshold(0.95)).mean() > 0.85
    far = Vectors(np.random.default_rng(3).normal(size=(50, 6)) * 30)
    assert (engine.evaluate(far)[1] < engine.threshold(0.95)).mean() > 0.9


def test_a_feature_depends_on_its_number_alone() -> None:
    rows = np.random.default_rng(0).normal(size=(7, 5)) * 10.0 ** np.arange(-4, 3)[:, None]
    whole = features.fixed_point(torch.from_numpy(rows))
    parts = [features.fixed_point(torch.tensor([[x]], dtype=torch.float64)) for x in rows.flatten()]
    assert torch.equal(whole.flatten(), torch.cat(parts).flatten())
    assert features.fixed_point(torch.tensor([[1e308, -1e308]]).double()).tolist() == [[32767, -32767]]


def test_with_several_labels_per_vector() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 3))
    names = [tuple(c for c, x in zip("abc", row, strict=True) if x > 0) for row in rows]
    split = Split(Vectors(rows), label_array(names))
    engine = MultilabelExactEngine(vector_encoder(3), Exact())
    engine.learn(split, split, Session())
    right = (engine.scores(split.inputs) > 0) == (rows > 0)
    before = engine.scores(split.inputs, ["a", "c"]).tobytes()
    engine.forget("b")
    assert right.mean() > 0.9
    assert engine.scores(split.inputs).tobytes() == before


def test_what_needs_a_transformer_is_refused() -> None:
    encoder = vector_encoder(6)
    with pytest.raises(UsageError, match="pair_prompts need the blocks of a transformer"):
        ExactEngine(encoder, Exact(pair_prompts=True))
    with pytest.raises(UsageError, match="first_block is 2, but vectors go through no blocks"):
        ExactEngine(encoder, Exact(first_block=2))
    with pytest.raises(UsageError, match="CLS token of a transformer, and vectors have none"):
        PaperEngine(encoder, Paper())
    with pytest.raises(UsageError, match="can't be opened"):
        learned(blobs(5, 0), blobs(2, 1)).surface()
