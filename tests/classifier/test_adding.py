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


X = np.random.default_rng(0).normal(size=(60, 3)) + np.repeat([[0.0], [3.0], [6.0]], 20, axis=0)
Y = np.repeat(["a", "b", "c"], 20)
PART = np.arange(60) % 3
"""Two of three inputs are learned from and the third is held out."""


def part(rows: Any, learn: bool) -> tuple[np.ndarray, list[str]]:
    chosen = np.array(rows)[(PART[rows] != 0) == learn]
    return X[chosen], Y[chosen].tolist()


def test_several_classes_are_learned_together_and_written_in_one_step(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    vectors, names = (
        rng.normal(size=(80, 4)) + 5 * np.repeat(np.eye(4), 20, axis=0),
        np.repeat(list("abcd"), 20),
    )
    model = PreForgettableClassifier("features", "isolated", epochs=40, batch_size=16)
    model.fit(vectors[:40], names[:40]).save_pretrained(tmp_path / "m")
    assert model.folder is not None
    before, rows = columns(model, vectors), len([*model.folder.ledger.entries()])
    model.add(["d", "c"], vectors, names)
    assert model.labels == reloaded(model).labels == ["a", "b", "c", "d"]
    assert {label: digest for label, digest in columns(model, vectors).items() if label in "ab"} == before
    assert [row.event for row in model.folder.ledger.entries()][rows:] == ["add"]
    assert (np.array(model.labels)[model.scores(vectors).argmax(axis=1)] == names).mean() > 0.9


@pytest.mark.parametrize("sealed", [False, True])
def test_further_inputs_equal_a_model_that_was_given_all_at_once(tmp_path: Path, sealed: bool) -> None:
    early = np.r_[0:9, 20:40, 40:60]
    late = np.r_[9:20]
    model = PreForgettableClassifier("features", "exact").fit(
        *part(early, True), validation=part(early, False)
    )
    model.save_pretrained(tmp_path / "m", sealed=sealed)
    former = model.engine_.bank.ids("a")
    model.add("a", *part(late, True), more=True, validation=part(late, False))
    order = np.r_[early, late]
    again = PreForgettableClassifier("features", "exact").fit(
        *part(order, True), validation=part(order, False)
    )
    assert state(model) == state(again) == state(reloaded(model))
    np.testing.assert_array_equal(model.predict_proba(X), again.predict_proba(X))
    assert not [path for path in place(model).rglob("*") if path.stem in former]
    assert model.folder is not None
    assert [*model.folder.ledger.entries()][-1].event == "more"


def test_further_images_of_persons_join_their_units(exact: PreForgettableClassifier) -> None:
    images, labels = data(4, ["ant", "bee"], seed=7)
    exact.add(["ant", "bee"], images, labels, more=True, subjects=["person 0", "person 9"] * 4)
    persons = [unit.subject for unit in exact.engine_.bank.units("bee")]
    assert persons == ["person 0", "person 1", "person 2", "person 9"]
    exact.forget_subject("person 9")
    assert "person 9" not in exact.engine_.bank.subjects


def weights(model: PreForgettableClassifier, label: str) -> torch.Tensor:
    engine = model.engine_
    return torch.cat([engine.bank[label].tensors[name].flatten() for name in engine.learned_shapes()])


def test_the_isolated_engine_goes_on_from_its_record(saved: PreForgettableClassifier) -> None:
    before, slot = columns(saved, data()[0]), saved.engine_.bank["cat"].slot
    former = weights(saved, "cat")
    old = saved.engine_.bank["cat"].id
    saved.detach("cat")
    saved.add("cat", *data(6, seed=8), more=True)
    assert saved.engine_.bank.is_detached("cat")
    saved.attach("cat")
    after = columns(saved, data()[0])
    assert after == columns(reloaded(saved), data()[0])
    assert {c for c in CLASSES if after[c] != before[c]} == {"cat"}
    record = saved.engine_.bank["cat"]
    assert (record.slot, record.id == old) == (slot, False)
    moved = (weights(saved, "cat") - former).norm() / former.norm()
    assert 0 < moved < 0.1, "it was learned from a new beginning"


@pytest.mark.parametrize(
    ("label", "more", "kind", "message"),
    [
        ("emu", True, UnknownLabelError, "no class 'emu'"),
        (["cat", "emu"], False, UsageError, "already has class 'cat'.*more=True or --more"),
        (["emu", "emu"], False, UsageError, "class 'emu' is named twice"),
        ([], False, UsageError, "no class is named"),
    ],
)
def test_classes_that_can_not_be_named(
    model: PreForgettableClassifier, label: Any, more: bool, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        model.add(label, *data(6, [*CLASSES, "emu"]), more=more)


def test_engines_that_learn_no_further_inputs_say_why(tiny_vit: Path) -> None:
    paper = PreForgettableClassifier(str(tiny_vit), "paper", 16, device="cpu", epochs=1).fit(*data())
    with pytest.raises(UsageError, match="adapter that all classes share"):
        paper.add("cat", *data(), more=True)
    paper.add(["emu", "fly"], *data(6, [*CLASSES, "emu", "fly"]))
    assert paper.labels == [*CLASSES, "emu", "fly"]
    several = [["a"], ["a", "b"], ["b"]] * 6
    exact = PreForgettableClassifier("features", "exact").fit(X[:18], several)
    with pytest.raises(UsageError, match="sums up every input for all conditions at once"):
        exact.add("a", X[:18], several, more=True)


@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("label", ["emu", ["emu", "fly"]])
def test_inputs_without_persons_are_refused_by_a_model_that_knows_some(
    exact: PreForgettableClassifier, label: Any, more: bool
) -> None:
    before = state(exact)
    wanted = {"emu": "ant", "fly": "bee"} if more else {}
    names = [wanted.get(name, name) for name in ([label] if isinstance(label, str) else label)]
    with pytest.raises(UsageError, match=r"knows 3 subjects, and the inputs of .* come without"):
        exact.add(names, *data(4, [*CLASSES, "emu", "fly"]), more=more)
    assert state(exact) == before


@pytest.mark.parametrize("engine", ["isolated", "paper"])
def test_an_emptied_model_says_what_can_be_done(tiny_vit: Path, engine: str) -> None:
    made = PreForgettableClassifier(str(tiny_vit), engine, 16, device="cpu", epochs=1)
    model = made.fit(*data(4, ["ant", "bee"]))
    model.forget(["ant", "bee"])
    for label, classes in (("ant", ["ant", "bee"]), ("emu", ["emu", "fly"]), ("bee", ["bee"])):
        with pytest.raises(UsageError, match=r"knows no class any more.*learn a new model"):
            model.add(label, *data(4, classes))
    assert model.add(["emu", "fly"], *data(4, ["emu", "fly"])).labels == ["emu", "fly"]
