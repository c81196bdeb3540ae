"""What is left after forgetting is, bit for bit, the engine that never saw what was forgotten; and the trap."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from preforget.backbones import Encoder, load_backbone
from preforget.core.errors import DataError, UnknownLabelError, UsageError
from preforget.data import Split, load_data
from preforget.data.dataset import label_array
from preforget.engines.base import Session
from preforget.engines.exact import ExactEngine
from preforget.engines.options import Exact
from preforget.engines.reading import Reading, Walked

from .conftest import learnable, pictures

CLASSES = ["ant", "bee", "cat", "dog", "emu"]
PEOPLE = ["Ada", "Bob", "Cy"]
IMAGES = pictures(21, seed=99)
PROMPTED = {"pair_prompts": True, "steps": 6, "images_per_class": 4, "lora_rank": 1}


def data(each: int = 9, seed: int = 0, subjects: bool = False, classes: Iterable[str] = CLASSES) -> Split:
    split = learnable(list(classes), each, seed)
    if not subjects:
        return split
    people = np.random.default_rng(seed).choice(PEOPLE, len(split))
    return Split(split.inputs, split.labels, label_array(list(map(str, people))))


def learned(
    encoder: Encoder, train: Split, validation: Split, kind: type[ExactEngine] = ExactEngine, **options: Any
) -> ExactEngine:
    engine = kind(encoder, Exact(**{"levels": 1, **options}))
    engine.learn(train, validation, Session())
    return engine


def same(one: ExactEngine, other: ExactEngine) -> bool:
    """Compare all records, and the bits of scores, confidence and thresholds."""
    if [r.digest() for r in one.records()] != [r.digest() for r in other.records()]:
        return False
    pairs = zip(one.evaluate(IMAGES), other.evaluate(IMAGES), strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs) and one.threshold(0.9) == other.threshold(0.9)


@pytest.fixture(scope="module")
def taught(tiny_encoder: Encoder) -> Callable[..., ExactEngine]:
    """Make an engine with everything learned; learned once, copied by its records."""
    made: dict[str, list[Any]] = {}

    def make(subjects: bool = False, **options: Any) -> ExactEngine:
        key = f"{subjects}{sorted(options.items())}"
        if key not in made:
            engine = learned(tiny_encoder, data(subjects=subjects), data(3, 1, subjects=subjects), **options)
            made[key] = engine.records()
        copy = ExactEngine(tiny_encoder, Exact(**{"levels": 1, **options}))
        clones = [
            type(r)(r.label, {n: t.clone() for n, t in r.tensors.items()}, None, r.id, r.subject, r.partner)
            for r in made[key]
        ]
        copy.restore(clones, {})
        return copy

    return make


# what is left equals retraining

anyone = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@anyone
@given(gone=st.permutations(CLASSES).flatmap(lambda p: st.integers(1, 5).map(lambda n: p[:n])))
def test_any_classes_in_any_order(
    tiny_encoder: Encoder, taught: Callable[..., ExactEngine], gone: list[str]
) -> None:
    engine = taught()
    for label in gone:
        engine.forget(label)
    retrained = ExactEngine(tiny_encoder, Exact(levels=1))
    if len(gone) < len(CLASSES):
        retrained.learn(data().without(gone), data(3, 1).without(gone), Session())
    assert same(engine, retrained)


@anyone
@given(
    people=st.permutations(PEOPLE).flatmap(lambda p: st.integers(1, 2).map(lambda n: p[:n])),
    label=st.sampled_from(CLASSES),
)
def test_any_subjects_and_a_class(
    tiny_encoder: Encoder, taught: Callable[..., ExactEngine], people: list[str], label: str
) -> None:
    engine = taught(subjects=True)
    for name in people:
        engine.forget_subject(name)
        engine.derive()
    engine.forget(label)
    parts = [data(subjects=True), data(3, 1, subjects=True)]
    train, validation = (p.without_subjects(people).without(label) for p in parts)
    assert same(engine, learned(tiny_encoder, train, validation))


@pytest.mark.parametrize("gone", [["ant"], ["cat", "emu"]])
def test_pair_prompts_too(tiny_encoder: Encoder, taught: Callable[..., ExactEngine], gone: list[str]) -> None:
    engine = taught(**PROMPTED)
    assert engine.prompted > 0
    for label in gone:
        engine.forget(label)
    retrained = learned(tiny_encoder, data().without(gone), data(3, 1).without(gone), **PROMPTED)
    assert retrained.prompted > 0
    assert same(engine, retrained)


@pytest.mark.parametrize("options", [{"views": "h"}, {"energy_depth": 0, "ridge": 0.0}], ids=str)
def test_with_views_and_by_the_rules_of_older_folders(
    tiny_encoder: Encoder, taught: Callable[..., ExactEngine], options: dict[str, Any]
) -> None:
    engine = taught(subjects=True, **options)
    units = [record for record in engine.records() if record.partner is None]
    assert sum(engine.inputs_in(unit) or 0 for unit in units) == len(data())
    engine.forget_subject("Ada")
    engine.derive()
    engine.forget("bee")
    parts = [data(subjects=True), data(3, 1, subjects=True)]
    train, validation = (p.without_subjects("Ada").without("bee") for p in parts)
    assert same(engine, learned(tiny_encoder, train, validation, **options))


def test_prompts_that_saw_a_subject_go_and_come_back_with_a_refit(
    tiny_encoder: Encoder, taught: Callable[..., ExactEngine]
) -> None:
    engine = taught(subjects=True, **PROMPTED)
    assert engine.prompted > 0
    engine.forget_subject("Ada")
    engine.derive()
    assert engine.prompted == 0
    parts = [data(subjects=True), data(3, 1, subjects=True)]
    train, validation = (p.without_subjects("Ada") for p in parts)
    retrained = learned(tiny_encoder, train, validation, **PROMPTED)
    assert not same(engine, retrained)
    assert engine.refit(train, Session()) == retrained.prompted
    assert same(engine, retrained)


def test_adding_equals_learning_it_from_the_start(
    tiny_encoder: Encoder, taught: Callable[..., ExactEngine]
) -> None:
    for options in ({}, PROMPTED):
        engine = taught(**options)
        engine.forget("cat")
        engine.add(["cat"], data(), data(3, 1), Session())
        assert same(engine, taught(**options))


def test_adding_a_subject_equals_learning_it_from_the_start(
    tiny_encoder: Encoder, taught: Callable[..., ExactEngine]
) -> None:
    engine = taught(subjects=True)
    engine.forget_subject("Bob")
    engine.derive()
    parts = [data(subjects=True), data(3, 1, subjects=True)]
    bob = [p.select([subject == "Bob" for _, subject in p.units]) for p in parts]
    engine.add_subject(bob[0], bob[1], Session())
    assert same(engine, taught(subjects=True))
    with pytest.raises(UsageError, match="already has inputs of"):
        engine.add_subject(bob[0], bob[1], Session())
    assert same(engine, taught(subjects=True))


def test_from_many_classes_to_few(tiny_encoder: Encoder) -> None:
    names = [f"c{number:02}" for number in range(35)]
    train, validation = data(4, classes=names), data(2, 1, classes=names)
    engine = learned(tiny_encoder, train, validation)
    engine.evaluate(IMAGES)
    for count, label in enumerate(names[:4], start=1):
        engine.forget(label)
        engine.derive()
        gone = names[:count]
        assert same(engine, learned(tiny_encoder, train.without(gone), validation.without(gone)))
    assert len(engine.bank.pairs) == 31 * 30 // 2


def test_few_of_many_classes_leave_no_pairs_behind(tiny_encoder: Encoder) -> None:
    names = [f"c{number:02}" for number in range(35)]
    train, validation = data(3, classes=names), data(2, 1, classes=names)
    engine = learned(tiny_encoder, train, validation)
    asked = engine.scores(IMAGES, names[:3])
    assert engine.bank.pairs == {}
    few = learned(tiny_encoder, train.only(names[:3]), validation.only(names[:3]))
    assert np.array_equal(asked, few.scores(IMAGES))


@dataclass(frozen=True)
class Scaled(Reading):
    """Divides what is read by something that depends on all inputs."""

    deviation: torch.Tensor | None = None

    def rows(self, pixels: torch.Tensor, walked: Walked | None = None) -> torch.Tensor:
        assert self.deviation is not None
        return (super().rows(pixels, walked).double() / self.deviation * 1000).round().to(torch.int16)


class Standardised(ExactEngine):
    """The trap: features scaled by statistics of all images together, as many pipelines do."""

    def learn(self, train: Split, validation: Split, session: Session) -> None:
        plain = self.reading
        deviation = torch.cat(list(plain.unit_rows(train))).double().std(dim=0).clamp(min=1)
        self.reading = Scaled(plain.encoder, plain.levels, plain.energy_depth, plain.views, deviation)
        super().learn(train, validation, session)


def test_a_shared_standardisation_fails_the_same_check(tiny_encoder: Encoder) -> None:
    engine = learned(tiny_encoder, data(), data(3, 1), Standardised)
    engine.forget("cat")
    assert not same(
        engine, learned(tiny_encoder, data().without("cat"), data(3, 1).without("cat"), Standardised)
    )
    control = learned(tiny_encoder, data(), data(3, 1))
    control.forget("cat")
    assert same(control, learned(tiny_encoder, data().without("cat"), data(3, 1).without("cat")))


# answers


def test_it_tells_classes_apart(taught: Callable[..., ExactEngine]) -> None:
    test = data(20, 7)
    for options in ({}, PROMPTED):
        engine = taught(**options)
        best = np.array(CLASSES)[engine.scores(test.inputs).argmax(axis=1)]
        assert (best == test.labels).mean() > 0.85


def test_columns_follow_the_labels_that_are_asked_for(taught: Callable[..., ExactEngine]) -> None:
    engine = taught()
    some = engine.scores(IMAGES, ["dog", "ant"])
    assert np.array_equal(some, engine.scores(IMAGES, ["ant", "dog"])[:, ::-1])
    with pytest.raises(UnknownLabelError):
        engine.scores(IMAGES, ["ant", "cow"])


def test_leaving_out_is_like_forgetting(taught: Callable[..., ExactEngine]) -> None:
    asked, detached, forgotten = taught(), taught(), taught()
    detached.bank.detach("bee")
    forgotten.forget("bee")
    left = [label for label in CLASSES if label != "bee"]
    scores, confidence = asked.evaluate(IMAGES, left)
    for engine in (detached, forgotten):
        assert np.array_equal(engine.scores(IMAGES), scores)
        assert np.array_equal(engine.evaluate(IMAGES)[1], confidence)
        assert engine.threshold(0.9) == asked.threshold(0.9, left)


def test_shares_sum_to_one_and_two_classes_are_a_sigmoid(taught: Callable[..., ExactEngine]) -> None:
    engine = taught(ridge=0.0)
    shares = engine.probabilities(engine.scores(IMAGES))
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    scores = engine.scores(IMAGES, ["ant", "bee"])
    np.testing.assert_allclose(engine.probabilities(scores), np.exp(scores), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("keep", [0.5, 0.8, 0.9, 0.99])
def test_the_stated_share_of_held_out_images_is_answered(
    taught: Callable[..., ExactEngine], keep: float
) -> None:
    engine, held_out = taught(), data(3, 1)
    confidence = engine.evaluate(held_out.inputs)[1]
    kept = (confidence >= engine.threshold(keep)).mean()
    assert keep - 1e-9 <= kept <= keep + 1 / len(held_out) + 1e-9


def test_the_last_class_and_none(taught: Callable[..., ExactEngine]) -> None:
    engine = taught()
    for label in CLASSES[:4]:
        engine.forget(label)
    scores, confidence = engine.evaluate(IMAGES)
    assert not scores.any()
    assert len(set(confidence.tolist())) > 1
    known, unknown = data(9, 3, classes=["emu"]), pictures(9, seed=5)
    assert engine.evaluate(known.inputs)[1].mean() > engine.evaluate(unknown)[1].mean()
    engine.forget("emu")
    assert engine.evaluate(IMAGES)[0].shape == (21, 0)
    assert engine.threshold(0.9) == float("inf")
    assert engine.probabilities(engine.scores(IMAGES)).shape == (21, 0)


def test_no_shortlist(taught: Callable[..., ExactEngine]) -> None:
    with pytest.raises(UsageError, match="has no shortlist"):
        taught().scores(IMAGES, shortlist=2)


# odd data


def test_a_class_of_one_image_and_one_of_identical_images(tiny_encoder: Encoder) -> None:
    train = data(9, classes=["ant", "bee"])
    lone = Split(pictures(1, seed=5), label_array(["one"]))
    twins = Split(np.repeat(pictures(1, seed=6), 8, axis=0), label_array(["twin"] * 8))
    inputs: Any = np.concatenate([train.inputs, lone.inputs, twins.inputs])
    labels = label_array([*train.labels, *lone.labels, *twins.labels])
    engine = learned(tiny_encoder, Split(inputs, labels), data(2, 1, classes=["ant", "bee"]))
    scores, confidence = engine.evaluate(inputs)
    assert np.isfinite(scores).all()
    assert np.isfinite(confidence).all()
    best = np.array(engine.bank.attached)[scores.argmax(axis=1)]
    assert (best == labels).mean() > 0.9


def test_validation_images_of_a_subject_without_any_to_learn_from(tiny_encoder: Encoder) -> None:
    train, validation = data(subjects=True), data(3, 1, subjects=True)
    more = Split(validation.inputs, validation.labels, label_array(["Zoe"] * len(validation)))
    engine = learned(tiny_encoder, train, more)
    assert "Zoe" in engine.bank.subjects
    engine.forget_subject("Zoe")
    assert engine.threshold(0.9) == float("-inf")


# records and options


def test_records_there_and_back_derive_what_is_missing(
    tiny_encoder: Encoder, taught: Callable[..., ExactEngine]
) -> None:
    engine = taught()
    copy = ExactEngine(tiny_encoder, Exact(levels=1))
    copy.restore([r for r in engine.records() if r.partner is None], {})
    assert same(copy, engine)


def test_what_can_not_be_restored(tiny_encoder: Encoder, taught: Callable[..., ExactEngine]) -> None:
    engine = taught()
    records = engine.records()
    pair = records[-1]
    for bad in (
        [*records, records[0]],
        [r for r in records if r.label != "emu" or r.partner is not None],
        [
            *records[:-1],
            type(pair)(pair.label, {"pair_row": torch.zeros(3)}, None, pair.id, None, pair.partner),
        ],
        [
            *records[:-1],
            type(pair)(
                pair.label, {n: t.float() for n, t in pair.tensors.items()}, None, pair.id, None, pair.partner
            ),
        ],
    ):
        with pytest.raises(UsageError):
            ExactEngine(tiny_encoder, Exact(levels=1)).restore(bad, {})
    with pytest.raises(UsageError, match="which has none"):
        ExactEngine(tiny_encoder, Exact(levels=1)).restore([], {"adapter": torch.zeros(1)})
    with pytest.raises(UsageError, match="doesn't hold statistics"):
        ExactEngine(tiny_encoder, Exact(levels=2)).restore(records, {})


def test_prompts_need_images_of_both_classes(
    tiny_encoder: Encoder, taught: Callable[..., ExactEngine]
) -> None:
    engine = taught(**PROMPTED)
    engine.forget("cat")
    with pytest.raises(DataError, match=r"prompts of \d pairs need inputs of \d classes"):
        engine.add(["cat"], data(classes=["cat"]), data(3, 1, classes=["cat"]), Session())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": 0}, "levels must be a whole number of at least 1"),
        ({"levels": 4}, "levels is 4, but the backbone has 3 blocks"),
        ({"shrinkage": 0}, "shrinkage must be a number above 0"),
        ({"shrinkage": float("nan")}, "shrinkage must be"),
        ({"shrinkage": "much"}, "shrinkage must be"),
        ({"pair_prompts": 1}, "pair_prompts must be True or False"),
        ({"steps": 0}, "steps must be"),
        ({"first_block": 3}, "first_block is 3, but the backbone's last block is 2"),
        ({"first_block": -1}, "first_block must be"),
        ({"learning_rate": 0}, "learning_rate must be"),
        ({"epochs": 3}, "unknown option 'epochs'; there are: .*levels"),
    ],
)
def test_bad_options(tiny_encoder: Encoder, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ExactEngine(tiny_encoder, Exact.from_options(options))  # type: ignore[arg-type]


def test_forgetting_leaves_zeros_in_memory(taught: Callable[..., ExactEngine]) -> None:
    engine = taught(**PROMPTED)
    affected: list[Tensor] = [t for r in engine.affected_records(label="cat") for t in r.tensors.values()]
    assert any(t.any() for t in affected)
    engine.forget("cat")
    assert not any(t.any() for t in affected)


@pytest.mark.real_data
def test_real_cells_on_a_real_backbone(tmp_path: Path) -> None:
    root = os.environ.get("PREFORGET_SHARED")
    if root is None:
        pytest.skip("PREFORGET_SHARED is not set: no real data here")
    for part, each in (("train", 25), ("val", 8), ("test", 10)):
        for label in (Path(root) / "data" / "bloodcells-64" / part).iterdir():
            (tmp_path / part / label.name).mkdir(parents=True)
            for image in sorted(label.iterdir())[:each]:
                shutil.copy(image, tmp_path / part / label.name)
    cells = load_data(tmp_path, allow_duplicates=True)
    encoder = load_backbone(
        str(Path(root) / "backbones" / "vit-tiny-patch16-224"), image_size=96, device="cpu", dtype="float32"
    )

    train, validation, test = cells.train, cells.validation, cells.test
    engine = learned(encoder, train, validation, levels=2)
    best = np.array(engine.bank.attached)[engine.scores(test.inputs).argmax(axis=1)]
    assert (best == test.labels).mean() > 0.7
    gone = ["platelet", "monocyte"]
    for label in gone:
        engine.forget(label)
    retrained = learned(encoder, train.without(gone), validation.without(gone), levels=2)
    assert [r.digest() for r in engine.records()] == [r.digest() for r in retrained.records()]
    for one, other in zip(engine.evaluate(test.inputs), retrained.evaluate(test.inputs), strict=True):
        assert one.tobytes() == other.tobytes()
    assert engine.threshold(0.95) == retrained.threshold(0.95)
