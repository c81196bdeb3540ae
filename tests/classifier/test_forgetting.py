from __future__ import annotations

import re
from pathlib import Path

import pytest

import preforget as pf
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import (
    StoreError,
    UnknownLabelError,
    UsageError,
)

from .tiny import CLASSES, Make, columns, data, place, reloaded


def test_forgetting_is_exact_for_the_others(model: PreForgettableClassifier) -> None:
    images = data(5, seed=4)[0]
    before = columns(model, images)
    erasure = model.forget("cat", reason="request 7")
    assert erasure.classes_left == 3
    assert columns(model, images) == {c: before[c] for c in ("ant", "bee", "dog")}
    assert "cat" not in set(model.predict(images))
    with pytest.raises(UnknownLabelError, match="already forgotten"):
        model.forget("cat")


def test_forgetting_everything_leaves_a_model_that_always_abstains(model: PreForgettableClassifier) -> None:
    for label in CLASSES:
        model.forget(label)
    images = data()[0]
    assert model.labels == []
    assert all(answer is pf.ABSTAIN for answer in model.predict(images))
    assert model.predict_proba(images).shape == model.scores(images).shape == (24, 0)
    with pytest.raises(UnknownLabelError, match="it knows no class"):
        model.forget("ant")


def test_the_share_of_a_forgotten_class_goes_in_a_loaded_model_too(
    model: PreForgettableClassifier, tmp_path: Path
) -> None:
    model.keep = {"cat": 0.5, "dog": 0.6}
    model.save_pretrained(tmp_path / "m")
    loaded = PreForgettableClassifier.from_pretrained(tmp_path / "m", device="cpu")
    loaded.forget("cat")
    assert loaded.keep_.classes == {"dog": 0.6}
    assert len(loaded.predict(data(1)[0])) == 4
    assert reloaded(loaded).keep_.classes == {"dog": 0.6}


def test_forgetting_everything_is_written_too(saved: PreForgettableClassifier) -> None:
    for label in CLASSES:
        saved.forget(label)
    back = reloaded(saved)
    assert all(answer is pf.ABSTAIN for answer in back.predict(data()[0]))
    assert [path.name for path in place(saved).rglob("*") if path.is_file()] != []
    assert list((place(saved) / "records").iterdir()) == []


def test_nothing_of_a_forgotten_class_stays_in_any_byte(saved: PreForgettableClassifier) -> None:
    record = saved.engine_.bank["cat"]
    needles = []
    for tensor in record.tensors.values():
        content = tensor.contiguous().numpy().tobytes()
        needles += [content[i : i + 32] for i in range(0, len(content) - 31, 16) if any(content[i : i + 32])]
    assert len(needles) > 100
    saved.forget("cat")
    for path in place(saved).rglob("*"):
        if path.is_file():
            content = path.name.encode() + path.read_bytes()
            assert not any(needle in content for needle in needles)
            assert re.search(rb"(?<![A-Za-z])cat(?![A-Za-z])", content) is None  # "location" has one too


def test_nothing_of_a_forgotten_subject_stays_in_any_byte(
    exact: PreForgettableClassifier, tmp_path: Path
) -> None:
    exact.save_pretrained(tmp_path / "m")
    affected = exact.engine_.affected_records(subject="person 2")
    needles = [b"person 2"]
    for record in affected:
        for tensor in record.tensors.values():
            content = tensor.contiguous().numpy().tobytes()
            needles += [
                content[i : i + 32] for i in range(0, len(content) - 31, 64) if any(content[i : i + 32])
            ]
    assert len(needles) > 30
    erasure = exact.forget_subject("person 2")
    assert (erasure.what, len(erasure.records)) == ("subject", len(affected))
    for path in place(exact).rglob("*"):
        if path.is_file():
            content = path.name.encode() + path.read_bytes()
            assert not any(needle in content for needle in needles)


def test_forgetting_rewrites_nothing_but_records_and_the_manifest(
    exact: PreForgettableClassifier, tmp_path: Path
) -> None:
    exact.save_pretrained(tmp_path / "m")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "m" / "records").iterdir()}
    exact.forget("cat")
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "m" / "records").iterdir()}
    assert after.items() <= before.items()
    assert len(after) < len(before)


def test_a_detaching_that_can_not_be_written_does_not_happen(saved: PreForgettableClassifier) -> None:
    place(saved).rename(place(saved).with_name("aside"))
    with pytest.raises(StoreError):
        saved.detach("ant")
    assert saved.labels == CLASSES


def test_other_engines_know_no_subjects(model: PreForgettableClassifier, make: Make) -> None:
    for use in (
        lambda: model.forget_subject("Ada"),
        lambda: model.add_subject(*data(), subjects=["Ada"] * 24),
        lambda: make().fit(*data(), subjects=["Ada"] * 24),
    ):
        with pytest.raises(UsageError, match="can forget classes, not subjects"):
            use()
