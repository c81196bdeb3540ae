from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import (
    DataError,
    StoreError,
    UnknownLabelError,
    UsageError,
)

from .tiny import CLASSES, columns, data, place, reloaded, state


def test_an_added_class_is_answered_and_the_others_stay(saved: PreForgettableClassifier) -> None:
    images = data(5, seed=4)[0]
    before = columns(saved, images)
    learned = {i for name in CLASSES for i in saved.engine_.bank.ids(name)}
    files = {path: path.read_bytes() for path in (place(saved) / "records").iterdir() if path.stem in learned}
    saved.add("emu", *data(6, [*CLASSES, "emu", "unheard"]))
    after = columns(saved, images)
    assert {c: after[c] for c in CLASSES} == before
    assert {path: path.read_bytes() for path in files} == files
    assert saved.labels == [*CLASSES, "emu"]
    assert columns(reloaded(saved), images) == after
    emus = data(20, ["emu"], seed=5)[0]
    best = np.array(saved.labels)[saved.scores(emus).argmax(axis=1)]
    assert (best == "emu").mean() > 0.8


def test_a_forgotten_class_can_be_added_again(saved: PreForgettableClassifier) -> None:
    old = saved.forget("cat").records
    saved.add("cat", *data())
    assert saved.labels == CLASSES
    assert saved.engine_.bank["cat"].id not in old
    assert reloaded(saved).labels == CLASSES


@pytest.mark.parametrize(
    ("label", "classes", "kind", "message"),
    [
        ("cat", CLASSES, UsageError, "already has class 'cat'"),
        ("emu", CLASSES, DataError, "hold no input of 'emu'; they have: ant, bee, cat, dog"),
        ("emu", ["emu"], DataError, "must also hold inputs of classes that the model knows, such as 'ant'"),
        ("emu", ["emu", "unheard"], DataError, "must also hold inputs of classes that the model knows"),
    ],
)
def test_what_can_not_be_added(
    saved: PreForgettableClassifier, label: str, classes: list[str], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        saved.add(label, *data(6, classes))
    assert reloaded(saved).labels == saved.labels == CLASSES


def test_an_adding_that_fails_leaves_the_model_as_it_was(
    saved: PreForgettableClassifier, tmp_path: Path
) -> None:
    path = place(saved)
    packed = {name: tensor.clone() for name, tensor in saved.engine_.bank.packed.items()}
    aside = path.rename(path.with_name("aside"))
    with pytest.raises(StoreError):
        saved.add("emu", *data(6, [*CLASSES, "emu"]))
    assert saved.labels == CLASSES
    assert all(torch.equal(tensor, saved.engine_.bank.packed[name]) for name, tensor in packed.items())
    aside.rename(path)
    (tmp_path / "broken.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"broken\.png"):
        saved.add("emu", *data(6, [*CLASSES, "emu"]), validation=([tmp_path / "broken.png"], ["emu"]))
    assert reloaded(saved).labels == saved.labels == CLASSES


def test_an_adding_of_a_subject_that_fails_leaves_the_model_as_it_was(
    exact: PreForgettableClassifier, tmp_path: Path
) -> None:
    exact.save_pretrained(tmp_path / "m")
    before, images = state(exact), data()[0]
    scores = exact.scores(images)
    aside = place(exact).rename(tmp_path / "aside")
    with pytest.raises(StoreError):
        exact.add_subject(*data(2, ["ant"]), subjects=["person 9"] * 2)
    assert state(exact) == before
    assert np.array_equal(exact.scores(images), scores)
    aside.rename(tmp_path / "m")
    exact.forget("ant")
    assert state(reloaded(exact)) == state(exact)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"subjects": None}, UsageError, "subjects are missing"),
        ({"subjects": ["x"]}, DataError, "4 inputs but 1 subjects"),
        ({"y": ["emu"] * 4}, UnknownLabelError, "no class 'emu'"),
        ({"subjects": ["person 0"] * 4}, UsageError, "forget the subject first"),
    ],
)
def test_subjects_that_can_not_be_added(
    exact: PreForgettableClassifier, change: dict[str, Any], kind: type[Exception], message: str
) -> None:
    before = state(exact)
    given = {"X": data(4, ["ant"])[0], "y": ["ant"] * 4, "subjects": ["person 9"] * 4, **change}
    with pytest.raises(kind, match=message):
        exact.add_subject(**given)
    assert state(exact) == before


def test_a_class_that_looks_like_a_known_one_is_added_only_on_purpose() -> None:
    X = np.random.default_rng(0).normal(size=(16, 2))
    model = PreForgettableClassifier("features", "exact").fit(X, ["a", "b"] * 8)
    with pytest.raises(UsageError, match="already has class 'a'"):
        model.add(" a", X[:4], ["a"] * 4)
    with pytest.raises(DataError, match="two classes look alike, 'A' and 'a'"):
        model.add("A", X[:4], ["A"] * 4)
    assert model.add("A", X[:4], ["A"] * 4, keep_similar_names=True).labels == ["A", "a", "b"]
    model.detach(" A\n")
    assert model.labels == ["a", "b"]
