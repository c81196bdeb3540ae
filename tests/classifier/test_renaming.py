"""Classes that get another name, and two that become one, beside models that were learned so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import DataError, StoreError, UnknownLabelError, UsageError
from preforget.erasure.verify import verify

from .tiny import CLASSES, columns, data, place, reloaded, state

X = np.random.default_rng(0).normal(size=(48, 3)) + np.repeat([[0.0], [3.0], [6.0], [9.0]], 12, axis=0)
Y = np.repeat(CLASSES, 12).tolist()


def learned(y: list[str], rows: np.ndarray | None = None, **options: object) -> PreForgettableClassifier:
    """A model of vectors: every third input is held out."""
    order = np.arange(len(y)) if rows is None else rows
    out = order[order % 3 == 0]
    kept = order[order % 3 != 0]
    names = np.array(y)
    model = PreForgettableClassifier("features", "exact", **options)  # type: ignore[arg-type]
    return model.fit(X[kept], names[kept].tolist(), validation=(X[out], names[out].tolist()))


@pytest.mark.parametrize("new", ["asp", "bat", "zoe"])
def test_a_renamed_class_equals_one_that_was_learned_by_that_name(new: str) -> None:
    model = learned(Y).rename("bee", new)
    again = learned([new if name == "bee" else name for name in Y])
    assert state(model) == state(again)
    assert np.array_equal(model.predict_proba(X), again.predict_proba(X))
    assert list(model.predict(X)) == list(again.predict(X))


@pytest.mark.parametrize("engine", ["isolated", "paper"])
def test_scores_and_thresholds_of_learned_records_stay(tiny_vit: Path, engine: str, tmp_path: Path) -> None:
    model = PreForgettableClassifier(
        str(tiny_vit), engine, 16, keep={"bee": 0.5, None: 0.9}, device="cpu", epochs=1
    )
    model.fit(*data())
    model.detach("cat")
    model.save_pretrained(tmp_path / "model")
    images = data(5, seed=4)[0]
    before, limits = columns(model, images), model.respond(images).limit
    model.rename("bee", "zebra").rename("cat", "asp")
    for each in (model, reloaded(model)):
        after = columns(each, images)
        assert after == {**{c: before[c] for c in ("ant", "dog")}, "zebra": before["bee"]}
        np.testing.assert_array_equal(each.respond(images).limit, limits)
        assert each.engine_.bank.labels == ["ant", "asp", "dog", "zebra"]
        assert each.labels == ["ant", "dog", "zebra"]
        assert (float(each.keep_), dict(each.keep_.classes)) == (0.9, {"zebra": 0.5})


@pytest.mark.parametrize("sealed", [False, True])
def test_the_old_name_is_gone_and_receipts_stay_valid(tmp_path: Path, sealed: bool) -> None:
    model = learned(["wolfhound" if name == "bee" else name for name in Y])
    model.save_pretrained(tmp_path / "model", sealed=sealed)
    receipt = model.forget("ant").receipt
    former = set(model.engine_.bank.ids("wolfhound"))
    model.rename("wolfhound", "wasp")
    left = [path for path in place(model).rglob("*") if path.is_file()]
    assert not [path for path in left if b"wolfhound" in path.read_bytes()]
    assert not [path for path in left if path.stem in former]
    assert model.folder is not None
    if sealed:
        assert model.folder.keys is not None
        assert former <= set(model.folder.keys.destroyed())
    row = [*model.folder.ledger.entries()][-1]
    assert row.event == "rename"
    assert former < {entry["id"] for entry in row.data["removed"]}
    assert receipt is not None
    assert verify(receipt, place(model), model.folder.keyring.signing.known()).passed
    assert reloaded(model).labels == ["cat", "dog", "wasp"]


@pytest.mark.parametrize(
    ("old", "new", "kind", "message"),
    [
        ("bee", "cat", UsageError, r"already has class 'cat'; to make one class of two"),
        ("bee", "bee", UsageError, "already has class 'bee'$"),
        ("emu", "fly", UnknownLabelError, "no class 'emu'"),
        ("bee", "Cat", DataError, "two classes look alike, 'Cat' and 'cat'"),
        ("bee", " ", DataError, "is empty"),
    ],
)
def test_names_that_no_class_can_get(old: str, new: str, kind: type[Exception], message: str) -> None:
    model = learned(Y)
    before = state(model)
    with pytest.raises(kind, match=message):
        model.rename(old, new)
    assert state(model) == before


def test_a_name_may_look_like_the_former_one_or_on_purpose_like_another() -> None:
    model = learned(Y).rename("bee", "Bee").rename("Bee", "Cat", keep_similar_names=True)
    assert model.labels == ["Cat", "ant", "cat", "dog"]
    numbers = PreForgettableClassifier("features", "exact").fit(X, np.repeat([0, 1, 2, 3], 12))
    with pytest.raises(UsageError, match="labels of this model are of the kind 'integer'"):
        numbers.rename(1, "one")
    assert numbers.rename(1, 12).classes_.tolist() == [0, 2, 3, 12]


def test_a_renaming_that_can_not_be_written_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    model = learned(Y)
    model.save_pretrained(tmp_path / "model")
    before = state(model)
    aside = place(model).rename(tmp_path / "aside")
    with pytest.raises(StoreError):
        model.rename("bee", "wasp")
    assert state(model) == before
    aside.rename(tmp_path / "model")
    assert model.rename("bee", "wasp").labels == reloaded(model).labels == ["ant", "cat", "dog", "wasp"]


def test_two_classes_made_one_equal_one_that_was_learned(tmp_path: Path) -> None:
    model = learned(Y, keep={"bee": 0.5, "dog": 0.6, None: 0.9})
    model.save_pretrained(tmp_path / "model", sealed=True)
    former = {*model.engine_.bank.ids("bee"), *model.engine_.bank.ids("dog")}
    model.merge("dog", "bee")
    one = ["dog" if name == "bee" else name for name in Y]
    order = np.concatenate([np.arange(36, 48), np.arange(36)])  # those of `into` first
    again = learned(one, order)
    assert state(model) == state(again) == state(reloaded(model))
    again.keep = model.keep
    np.testing.assert_array_equal(model.predict_proba(X), again.predict_proba(X))
    np.testing.assert_array_equal(model.respond(X).limit, again.respond(X).limit)
    assert dict(reloaded(model).keep_.classes) == dict(model.keep_.classes) == {"dog": 0.6}
    assert model.folder is not None
    assert [*model.folder.ledger.entries()][-1].event == "merge"
    assert not [path for path in place(model).rglob("*") if path.stem in former]


def test_persons_in_both_classes_can_still_be_forgotten(exact: PreForgettableClassifier) -> None:
    exact.merge("ant", "dog").forget_subject("person 1")
    assert sorted({unit.subject for unit in exact.engine_.bank.units("ant")}) == ["person 0", "person 2"]


def test_what_can_not_be_made_one(model: PreForgettableClassifier) -> None:
    several = np.array([[1, 0], [1, 1], [0, 1]] * 6)
    for refusing in (
        model,
        PreForgettableClassifier("features", "exact").fit(X[:18], several, conditions=["ant", "bee"]),
    ):
        with pytest.raises(UsageError, match=r"Forget both classes|can't be made one"):
            refusing.merge("ant", "bee")
    with pytest.raises(UsageError, match="can't be made one class with itself"):
        learned(Y).merge("ant", " ant")
    with pytest.raises(UnknownLabelError):
        learned(Y).merge("ant", "emu")


def test_a_condition_gets_another_name() -> None:
    several = np.array([[1, 0], [1, 1], [0, 1]] * 6)
    for engine, options in (("exact", {}), ("isolated", {"epochs": 1})):
        model = PreForgettableClassifier("features", engine, **options)
        model.fit(X[:18], several, conditions=["ant", "bee"])
        before = columns(model, X[:18])
        assert columns(model.rename("ant", "cat"), X[:18]) == {"bee": before["bee"], "cat": before["ant"]}
