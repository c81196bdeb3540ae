from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from preforget.audit.certificate import certify
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import DataError, NotFittedError
from preforget.data import Split, as_split
from preforget.data.dataset import label_array
from preforget.data.vectors import Vectors
from preforget.engines.derive import few_rows

CLASSES = ["ant", "bee", "cat", "dog"]
Make = Callable[..., PreForgettableClassifier]


def data(each: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    labels = [label for _ in range(each) for label in CLASSES]
    names = {c: "cat" if c == "dog" else c for c in CLASSES}  # cats and dogs look the same
    centres = {c: np.random.default_rng(sum(map(ord, names[c]))).integers(0, 128, (8, 8)) for c in CLASSES}
    images = np.stack([centres[label] + rng.integers(0, 100, (8, 8)) for label in labels])
    people = [f"person {n}" for n in rng.integers(0, 3, len(labels))]
    return Split(images.astype(np.uint8), label_array(labels), label_array(people))


TRAIN, VALIDATION = data(8, 0), data(3, 1)


@pytest.fixture
def make(tiny_vit: Path) -> Make:
    def make(engine: str = "exact", **options: Any) -> PreForgettableClassifier:
        model = PreForgettableClassifier(str(tiny_vit), engine, 16, device="cpu", dtype="float32", **options)
        return model.fit(TRAIN, validation=VALIDATION)

    return make


def test_equal_before_and_after_forgetting(make: Make) -> None:
    model = make(levels=1)
    assert certify(model, TRAIN, VALIDATION).equal
    model.forget("cat")
    model.forget_subject("person 1")
    found = certify(model, TRAIN, VALIDATION)
    assert found.equal
    assert found.records == found.records_equal == len(model.engine_.records())
    assert found.records_extra == 0
    assert (found.score_difference, found.confidence_difference, found.threshold_difference) == (0, 0, 0)
    assert 0 < found.images < len(VALIDATION)


def test_it_changes_nothing(make: Make, tmp_path: Path) -> None:
    model = make(levels=1)
    model.save_pretrained(tmp_path / "m")
    model.detach("bee")
    before = {p: p.read_bytes() for p in (tmp_path / "m").rglob("*") if p.is_file()}
    assert certify(model, TRAIN, VALIDATION).equal
    assert {p: p.read_bytes() for p in (tmp_path / "m").rglob("*") if p.is_file()} == before
    assert model.folder is not None
    assert model.labels == ["ant", "cat", "dog"]


def test_prompts_that_were_dropped_are_counted_until_refitted(make: Make) -> None:
    model = make(levels=1, pair_prompts=True, steps=4, lora_rank=1, images_per_class=4)
    assert model.engine_.prompted > 0
    assert certify(model, TRAIN, VALIDATION).equal
    model.forget_subject("person 1")
    found = certify(model, TRAIN, VALIDATION)
    assert not found.equal
    assert found.prompts_missing > 0
    assert found.records_equal + found.prompts_missing == found.records
    left = [split.without_subjects("person 1") for split in (TRAIN, VALIDATION)]
    model.refit(left[0], validation=left[1])
    assert certify(model, TRAIN, VALIDATION).equal


@pytest.mark.parametrize("name", ["pair_row", "pair_bias", "held_out"])
def test_one_changed_bit_is_seen(make: Make, name: str) -> None:
    model = make(levels=1)
    record = next(r for r in model.engine_.records() if name in r.tensors and r.tensors[name].numel())
    raw = record.tensors[name].view(torch.uint8).flatten() if record.tensors[name].dim() else None
    if raw is None:
        record.tensors[name].add_(2.0**-20)
    else:
        raw[0] ^= 1
    found = certify(model, TRAIN, VALIDATION)
    assert not found.equal
    assert found.records_equal == found.records - 1
    assert found.records_extra == 1


def test_the_isolated_engine_is_not_equal_and_it_says_so(make: Make) -> None:
    options = {"epochs": 2, "batch_size": 8, "lora_rank": 1}
    model = make("isolated", **options)
    assert certify(model, TRAIN, VALIDATION).equal
    model.forget("cat")
    found = certify(model, TRAIN, VALIDATION)
    assert not found.equal
    assert found.records_equal == 0
    assert found.score_difference > 0


def test_what_can_not_be_compared(make: Make) -> None:
    model = make(levels=1)
    with pytest.raises(DataError, match="hold no input of class 'dog'"):
        certify(model, TRAIN.without("dog"), VALIDATION)
    other = certify(model, replace(TRAIN, inputs=TRAIN.inputs[::-1]), VALIDATION)
    assert not other.equal
    for label in CLASSES:
        model.forget(label)
    with pytest.raises(NotFittedError, match="knows no class"):
        certify(model, TRAIN, VALIDATION)


def test_whatever_forgetting_leaves_can_be_certified() -> None:
    """One class, one image of a class, a class that nothing was held out of, and a person that only validation had."""
    rng = np.random.default_rng(0)

    def split(labels: list[str], subjects: list[str]) -> Split:
        rows = rng.normal(size=(len(labels), 3)) + 5.0 * np.array([[label == "b"] for label in labels])
        return as_split(rows, labels, subjects, kind="vectors")

    train = split(["a"] * 6 + ["b"] * 6, ["p", "q"] * 3 + ["p"] * 5 + ["q"])
    validation = split(["a", "a", "b", "b"], ["p", "q", "p", "guest"])
    model = PreForgettableClassifier("features", "exact").fit(train, validation=validation)
    model.forget_subject("guest")
    assert certify(model, train, validation).equal
    model.forget_subject("p")
    assert certify(model, train, validation).equal
    model.forget("b")
    assert model.labels == ["a"]
    assert certify(model, train, validation).equal


@pytest.mark.parametrize(
    ("classes", "persons"),
    [(["b", "c"], []), (["a", "c"], []), (["c"], ["p"]), ([], ["p"]), (["a", "b"], ["q"]), (["a"], ["p"])],
)
def test_one_class_left_or_one_image_of_a_class_is_certified(classes: list[str], persons: list[str]) -> None:
    rng = np.random.default_rng(1)
    labels = ["a"] * 6 + ["b"] * 7 + ["c"] * 5
    people = ["p", "q"] * 3 + ["p"] * 6 + ["q"] + ["p"] * 4 + ["q"]
    rows = rng.normal(size=(18, 3)) + 4.0 * np.array(
        [["abc".index(label) == n for n in range(3)] for label in labels]
    )
    train, validation = (as_split(rows + shift, labels, people, kind="vectors") for shift in (0, 0.1))
    model = PreForgettableClassifier("features", "exact").fit(train, validation=validation)
    for person in persons:
        model.forget_subject(person)
    for label in classes:
        model.forget(label)
    assert certify(model, train, validation).equal


@pytest.mark.parametrize(("features", "dual"), [(300, True), (6, False)])
def test_persons_of_five_classes_in_packs_one_after_another(
    tmp_path: Path, features: int, dual: bool
) -> None:
    """Sealed, 70 persons with inputs of all classes; pairs by their inputs where these are fewer than features."""
    rng = np.random.default_rng(0)
    classes, persons = [f"class {n}" for n in range(5)], [f"person {n:02}" for n in range(70)]
    labels, people = (label_array(names) for names in (classes * 70, np.repeat(persons, 5).tolist()))
    parts = []
    for _ in range(2):
        rows = rng.normal(size=(350, features)) + 3 * np.eye(5, features)[np.tile(range(5), 70)]
        parts.append(Split(Vectors(rows.astype(np.float32)), labels, people))
    train, held_out = parts
    model = PreForgettableClassifier("features", "exact").fit(train, validation=held_out)
    model.save_pretrained(tmp_path / "m", sealed=True, keyring=tmp_path / "keys")
    model = PreForgettableClassifier.from_pretrained(tmp_path / "m", keyring=tmp_path / "keys")
    assert model.folder is not None
    assert model.folder.manifest.packs
    assert few_rows(model.engine_.bank, classes[:2], features) == dual
    drawn = rng.permutation(persons).tolist()
    for person in drawn[:3]:
        assert model.forget_subject(person).receipt is not None
    model.forget("class 3")
    model.forget_subject(drawn[3:7])
    found = certify(model, train, held_out)
    assert (found.equal, found.records_extra) == (True, 0)
