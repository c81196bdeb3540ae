from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import UnknownLabelError, UsageError
from preforget.data import Split
from preforget.data.dataset import label_array
from preforget.engines.multilabel_exact import MultilabelExactEngine
from preforget.erasure import forget, plan
from preforget.store import ModelFolder

from .test_multilabel_isolated import pictures_of


def of_subjects(split: Split) -> Split:
    return replace(split, subjects=label_array([f"s{i % 5}" for i in range(len(split))]))


def learn(tiny_vit: Path, split: Split, **options: Any) -> PreForgettableClassifier:
    engine = options.pop("engine", "exact")
    m = PreForgettableClassifier(
        str(tiny_vit), engine, 16, device="cpu", dtype="float32", levels=1, **options
    )
    return m.fit(split)


def bits(m: PreForgettableClassifier, split: Split) -> bytes:
    engine = m.engine_
    found = engine.scores(split.inputs).tobytes() + engine.thresholds(m.labels).tobytes()
    return found + "".join(record.digest() for record in engine.records()).encode()


def without_condition(split: Split, gone: str) -> Split:
    return replace(split, labels=label_array([tuple(n for n in own if n != gone) for own in split.labels]))


@pytest.mark.parametrize("gone", ["a", "b", "c"])
@pytest.mark.parametrize("subjects", [False, True])
def test_forgetting_a_condition_is_as_if_its_column_had_never_been(
    tiny_vit: Path, gone: str, subjects: bool
) -> None:
    train, test = pictures_of(80), pictures_of(20, seed=1)
    train = of_subjects(train) if subjects else train
    m = learn(tiny_vit, train)
    assert isinstance(m.engine_, MultilabelExactEngine)
    kept = [place for place, label in enumerate(m.labels) if label != gone]
    before = np.ascontiguousarray(m.scores(test.inputs)[:, kept]).tobytes()
    m.forget(gone)
    assert m.scores(test.inputs).tobytes() == before
    assert bits(m, test) == bits(learn(tiny_vit, without_condition(train, gone)), test)


def test_forgetting_a_subject_takes_its_images_out_of_every_sum(tiny_vit: Path) -> None:
    train, test = of_subjects(pictures_of(80)), pictures_of(20, seed=1)
    m = learn(tiny_vit, train)
    first = bits(m, test)
    m.forget_subject("s3")
    assert bits(m, test) == bits(learn(tiny_vit, train.without_subjects("s3")), test) != first
    with pytest.raises(UnknownLabelError, match="nothing of subject 's3'"):
        m.forget_subject("s3")


def test_on_disk_without_a_backbone(tiny_vit: Path, tmp_path: Path) -> None:
    train, test = of_subjects(pictures_of(80)), pictures_of(20, seed=1)
    m = learn(tiny_vit, train)
    m.save_pretrained(tmp_path / "m")
    m.folder = None
    for what in ({"label": "b"}, {"subject": "s1"}):
        folder = ModelFolder.open(tmp_path / "m")
        erasure = forget(plan(folder, **what), folder=folder)
        m.forget("b") if "label" in what else m.forget_subject("s1")
        assert (erasure.what, erasure.classes_left) == ("class" if "label" in what else "subject", 2)
    again = PreForgettableClassifier.from_pretrained(tmp_path / "m", device="cpu", dtype="float32")
    assert bits(again, test) == bits(m, test)


def test_the_discriminant_is_that_of_with_against_without(tiny_vit: Path) -> None:
    """An independent reference: the mean difference through the covariance pooled over both groups, shrunk alike."""
    from preforget.engines.discriminant import shrunk
    from preforget.engines.features import features

    train, test = pictures_of(60), pictures_of(10, seed=1)
    m = PreForgettableClassifier(str(tiny_vit), "exact", 16, device="cpu", dtype="float32", levels=1)
    m.fit(train, validation=test)
    encoder = m.engine_.encoder
    x = features(encoder, encoder.read(train.inputs, range(60)), 1).double()
    has = torch.tensor(["a" in own for own in train.labels])
    groups = [x[has], x[~has]]
    means = [group.mean(dim=0) for group in groups]
    scatter = sum((g - mean).T @ (g - mean) for g, mean in zip(groups, means, strict=True))
    row = torch.linalg.solve(shrunk(scatter, 60, 3.0), means[0] - means[1])
    bias = -row @ (means[0] + means[1]) / 2 + np.log((int(has.sum()) + 0.5) / (int((~has).sum()) + 0.5))
    y = features(encoder, encoder.read(test.inputs, range(10)), 1).double()
    assert np.allclose(m.scores(test.inputs)[:, 0], (y @ row + bias).numpy(), rtol=1e-3, atol=1e-3)


def test_people_who_come_later_are_as_if_they_had_been_there(tiny_vit: Path, tmp_path: Path) -> None:
    whole, test = of_subjects(pictures_of(80)), pictures_of(20, seed=1)
    assert whole.subjects is not None
    early, late = (
        whole.select(np.flatnonzero(np.isin(whole.subjects, names)))
        for names in (["s0", "s1", "s3"], ["s2", "s4"])
    )
    held_out = of_subjects(pictures_of(20, seed=2))
    assert held_out.subjects is not None
    parts = [
        held_out.select(np.flatnonzero(np.isin(held_out.subjects, n)))
        for n in (["s0", "s1", "s3"], ["s2", "s4"])
    ]
    m = PreForgettableClassifier(str(tiny_vit), "exact", 16, device="cpu", dtype="float32", levels=1)
    m.fit(early, validation=parts[0])
    m.save_pretrained(tmp_path / "m")
    m.add_subject(late, validation=parts[1])
    both = m.untrained()
    both.fit(whole, validation=held_out)
    assert bits(m, test) == bits(both, test)
    assert bits(PreForgettableClassifier.from_pretrained(tmp_path / "m", device="cpu"), test) == bits(m, test)
    before = bits(m, test)
    with pytest.raises(UsageError, match="already has inputs of 2 of these subjects"):
        m.add_subject(late, validation=parts[1])
    assert bits(m, test) == before


def test_what_it_can_not_do_is_said(tiny_vit: Path) -> None:
    m = learn(tiny_vit, pictures_of(40))
    with pytest.raises(UsageError, match="to add a condition learn again"):
        m.add("d", Split(pictures_of(8).inputs, label_array([("d",), ()] * 4)))
    with pytest.raises(UsageError, match="there are no pairs"):
        learn(tiny_vit, pictures_of(40), engine="exact-multilabel", pair_prompts=True)


def test_one_condition_on_every_image_of_a_subject(tiny_vit: Path) -> None:
    train = pictures_of(40)
    labels = [tuple(sorted({*own, "d"})) if i % 5 == 0 else own for i, own in enumerate(train.labels)]
    m = learn(tiny_vit, of_subjects(replace(train, labels=label_array(labels))))
    m.forget_subject("s0")
    assert "d" not in m.labels


def test_the_certificate_of_retraining(tiny_vit: Path) -> None:
    from preforget.audit.certificate import certify

    train, held_out = of_subjects(pictures_of(60)), of_subjects(pictures_of(20, seed=1))
    m = PreForgettableClassifier(str(tiny_vit), "exact", 16, device="cpu", dtype="float32", levels=1)
    m.fit(train, validation=held_out)
    m.forget("b")
    m.forget_subject("s2")
    assert certify(m, train, held_out).equal
