"""The isolated engine on vectors: each class a small network of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from preforget.backbones.vectors import vector_encoder
from preforget.core.errors import UsageError
from preforget.data import Split, Vectors
from preforget.data.dataset import label_array
from preforget.engines.base import Session
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.multilabel_isolated import MultilabelIsolatedEngine
from preforget.engines.options import Isolated
from preforget.engines.vector_scorer import VectorScorer
from preforget.records import ClassRecord

from .conftest import vector_blobs

MANY = [f"class {number:02}" for number in range(19)]
FEW = ["ant", "bee", "cat"]
WIDTH = 6


def filled(labels: list[str], **options: Any) -> IsolatedEngine:
    """Return an engine with random records."""
    engine = IsolatedEngine(vector_encoder(WIDTH), Isolated(**options))
    for number, label in enumerate(labels):
        generator = torch.Generator().manual_seed(number)
        shapes = engine.record_shapes()
        tensors = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
        engine.bank.insert(ClassRecord(label, {**tensors, "count": torch.tensor(3.0)}))
    return engine


def learned(session: Session | None = None, **options: Any) -> IsolatedEngine:
    engine = IsolatedEngine(vector_encoder(WIDTH), Isolated(**{"epochs": 20, **options}))
    train, held_out = vector_blobs(12, 0, classes=FEW), vector_blobs(6, 1, classes=FEW)
    engine.learn(train, held_out, session or Session())
    return engine


def columns(engine: IsolatedEngine, inputs: Vectors) -> dict[str, bytes]:
    """Return the bytes of every attached class's scores."""
    scores = engine.scores(inputs)
    return {label: scores[:, i].tobytes() for i, label in enumerate(engine.bank.attached)}


def same_model(one: IsolatedEngine, two: IsolatedEngine) -> bool:
    assert one.bank.labels == two.bank.labels
    return all(torch.equal(one.bank.packed[name], two.bank.packed[name]) for name in one.bank.packed)


@pytest.mark.parametrize("rank", [0, 3])
def test_scores_are_those_of_the_formula(rank: int) -> None:
    engine = filled(MANY, lora_rank=rank)
    rows = np.random.default_rng(0).normal(size=(5, WIDTH))
    scores = engine.scores(Vectors(rows))
    states = engine.encoder.states(torch.from_numpy(rows), slice(0, 1))
    for column, label in enumerate(engine.bank.attached):
        t = engine.bank[label].tensors
        for row, x in enumerate(states.flatten(1)):
            wanted = t["row"] @ x + t["bias"]
            if rank:
                wanted = wanted + t["up"] @ F.gelu(t["down"] @ x + t["shift"])
            assert scores[row, column] == pytest.approx(float(wanted), abs=1e-4)


@pytest.mark.parametrize("count", [1, 7, 131])
def test_what_happens_to_one_class_changes_no_bit_of_the_others(count: int) -> None:
    engine = filled(MANY, epochs=2)
    inputs = Vectors(np.random.default_rng(count).normal(size=(count, WIDTH)))
    before = columns(engine, inputs)
    for label in (MANY[3], MANY[16], MANY[17], MANY[18]):
        engine.forget(label)
    engine.bank.detach(MANY[0])
    after = columns(engine, inputs)
    assert after == {label: before[label] for label in after}
    assert len(after) == len(MANY) - 5
    engine.bank.attach(MANY[0])
    data = vector_blobs(5, 0, classes=["new", *MANY[:2]])
    engine.add(["new"], data, vector_blobs(3, 1, classes=["new"]), Session())
    again = columns(engine, inputs)
    assert {label: again[label] for label in before if label in again} == {
        label: bits for label, bits in before.items() if label in again
    }


def test_a_forgotten_class_leaves_only_zeros() -> None:
    engine = filled(FEW)
    slot = engine.bank.slot("bee")
    engine.forget("bee")
    assert not any(packed[slot].any() for packed in engine.bank.packed.values())


def test_classes_are_told_apart_and_far_vectors_are_not_answered() -> None:
    engine = learned()
    test = vector_blobs(40, 2, classes=FEW)
    scores, confidence = engine.evaluate(test.inputs)
    assert (np.array(FEW)[scores.argmax(axis=1)] == test.labels).mean() > 0.95
    assert (confidence >= engine.threshold(0.95)).mean() > 0.8
    engine.forget("bee")
    rest = engine.evaluate(test.only("bee").inputs)[1]
    assert (rest < engine.threshold(0.95)).mean() > 0.5


def test_learning_is_the_same_every_time_and_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    session = Session(checkpoint=tmp_path / "file")
    assert same_model(learned(), learned(session))
    assert same_model(learned(), learned(session))


def test_states_in_a_file_change_nothing(tmp_path: Path) -> None:
    assert same_model(learned(), learned(Session(cache_dir=tmp_path)))


def test_an_added_class_is_told_from_the_others() -> None:
    engine = learned()
    engine.forget("bee")
    train, held_out = vector_blobs(12, 3, classes=FEW), vector_blobs(6, 4, classes=["bee"])
    engine.add(["bee"], train, held_out, Session())
    test = vector_blobs(40, 2, classes=FEW)
    answers = np.array(engine.bank.attached)[engine.scores(test.inputs).argmax(axis=1)]
    assert (answers == test.labels).mean() > 0.9


def test_with_several_labels_per_vector() -> None:
    rows = np.random.default_rng(0).normal(size=(80, 3))
    names = [tuple(c for c, x in zip("abc", row, strict=True) if x > 0) for row in rows]
    split = Split(Vectors(rows), label_array(names))
    engine = MultilabelIsolatedEngine(vector_encoder(3), Isolated(epochs=40))
    engine.learn(split, split, Session())
    assert ((engine.scores(split.inputs) > 0) == (rows > 0)).mean() > 0.95
    before = engine.scores(split.inputs, ["a", "c"]).tobytes()
    engine.forget("b")
    assert engine.scores(split.inputs).tobytes() == before


def test_what_vectors_have_not() -> None:
    engine = filled(FEW)
    inputs = Vectors(np.zeros((2, WIDTH)))
    with pytest.raises(UsageError, match="leave shortlist out"):
        engine.evaluate(inputs, shortlist=2)
    with pytest.raises(UsageError, match="can't be opened"):
        engine.surface()
    with pytest.raises(UsageError, match="vectors go through no blocks"):
        IsolatedEngine(vector_encoder(WIDTH), Isolated(first_block=1))
    assert VectorScorer(vector_encoder(WIDTH), 0).shapes() == {"row": (2 * WIDTH,), "bias": ()}
