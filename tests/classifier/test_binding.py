from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from preforget.backbones import Encoder, load_backbone
from preforget.classifier import PreForgettableClassifier
from preforget.classifier.binding import load_records, manifest_of
from preforget.core.errors import BackboneError, IntegrityError, StoreError
from preforget.core.version import __version__
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.options import Isolated
from preforget.records import ClassRecord
from preforget.store import ModelFolder

LABELS = ["Ada", "Grace", "Mary"]
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 32, 32), dtype=np.uint8)


def empty(encoder: Encoder, **options: Any) -> IsolatedEngine:
    return IsolatedEngine(encoder, Isolated(**options))


def record(engine: IsolatedEngine, label: str, number: int) -> ClassRecord:
    generator = torch.Generator().manual_seed(number)
    tensors = {n: torch.rand(s, generator=generator) + 0.1 for n, s in engine.record_shapes().items()}
    return ClassRecord(label, tensors)


@pytest.fixture
def engine(tiny_encoder: Encoder) -> IsolatedEngine:
    engine = empty(tiny_encoder)
    for number, label in enumerate(LABELS):
        engine.bank.insert(record(engine, label, number))
    return engine


def saved(engine: IsolatedEngine, place: Path, **changes: Any) -> ModelFolder:
    """Write a folder with the engine's records and another manifest."""
    manifest = replace(manifest_of(engine, 0.9, sealed=False), **changes)
    return ModelFolder.create(place, manifest, engine.records(), engine.shared_tensors())


def test_the_manifest_of_an_engine(engine: IsolatedEngine) -> None:
    engine.bank.detach("Grace")
    found = manifest_of(engine, 0.9, sealed=True)
    assert (found.engine, found.guarantee, found.keep, found.sealed) == ("isolated", "parametric", 0.9, True)
    assert found.options == engine.config.as_dict()
    assert found.backbone == engine.encoder.describe()
    assert found.detached == engine.bank.ids("Grace")
    assert found.version == __version__
    assert (found.records, found.shared, found.copies) == ({}, None, {})
    assert "Grace" not in repr(found)
    assert manifest_of(engine, 0.9, sealed=True).model != found.model


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("detached", [[], ["Grace"], LABELS])
def test_there_and_back_is_the_same(
    engine: IsolatedEngine, tmp_path: Path, sealed: bool, detached: list[str]
) -> None:
    for label in detached:
        engine.bank.detach(label)
    folder = saved(engine, tmp_path / "m", sealed=sealed)
    other = empty(engine.encoder)
    load_records(other, ModelFolder.open(folder.path), None)
    assert other.bank.labels == LABELS
    assert other.bank.attached == [label for label in LABELS if label not in detached]
    assert [r.digest() for r in other.records()] == [r.digest() for r in engine.records()]
    assert [r.id for r in other.records()] == [r.id for r in engine.records()]
    assert other.scores(IMAGES, LABELS).tobytes() == engine.scores(IMAGES, LABELS).tobytes()


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("architecture", "swin"),
        ("digest", "sha256:0"),
        ("mean", [0.4, 0.5, 0.5]),
        ("std", [0.5, 0.5, 0.4]),
    ],
)
def test_another_backbone_is_refused(
    engine: IsolatedEngine, tmp_path: Path, what: str, value: object
) -> None:
    backbone = {**engine.encoder.describe(), what: value}
    folder = saved(engine, tmp_path / "m", backbone=backbone)
    other = empty(engine.encoder)
    with pytest.raises(BackboneError, match=f"another backbone than 'mine': {what} differs; give the right"):
        load_records(other, folder, "mine")
    with pytest.raises(BackboneError, match=r"another backbone than '.*tiny-vit"):
        load_records(other, folder, None)
    assert len(other.bank) == 0


def test_the_place_of_the_backbone_does_not_matter(engine: IsolatedEngine, tmp_path: Path) -> None:
    backbone = {**engine.encoder.describe(), "id": "moved", "revision": "other", "dtype": "bfloat16"}
    other = empty(engine.encoder)
    load_records(other, saved(engine, tmp_path / "m", backbone=backbone), None)
    assert other.bank.labels == LABELS


@pytest.mark.parametrize("changes", [{"guarantee": "exact"}, {"options": {}}, {"options": {"steps": 1}}])
def test_a_manifest_of_another_engine_is_refused(
    engine: IsolatedEngine, tmp_path: Path, changes: dict[str, Any]
) -> None:
    folder = saved(engine, tmp_path / "m", **changes)
    other = empty(engine.encoder)
    with pytest.raises(IntegrityError, match="its options are not those of its engine"):
        load_records(other, folder, None)
    assert len(other.bank) == 0


def test_records_of_another_size_are_refused(engine: IsolatedEngine, tmp_path: Path) -> None:
    folder = saved(engine, tmp_path / "m")
    other = empty(engine.encoder, tokens_per_class=engine.config.tokens_per_class + 1)
    with pytest.raises(StoreError, match="don't fit its engine") as caught:
        load_records(other, folder, None)
    assert not any(label in str(caught.value) for label in LABELS)


def test_a_record_that_is_not_what_was_written_is_refused(engine: IsolatedEngine, tmp_path: Path) -> None:
    folder = saved(engine, tmp_path / "m")
    path = folder.path / folder.name_of(engine.bank["Mary"].id)
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    other = empty(engine.encoder)
    with pytest.raises(IntegrityError, match="its digest differs"):
        load_records(other, folder, None)
    assert len(other.bank) == 0


def test_how_pictures_are_read_stays_as_it_was_learned(tiny_vit: Path, tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (16, 20, 50), dtype=np.uint8)
    labels = np.repeat(["Ada", "Grace"], 8)
    encoder = load_backbone(str(tiny_vit), device="cpu", dtype="float32")
    earlier = replace(encoder, preprocessing=replace(encoder.preprocessing, steps=None))
    scores = []
    for name, own in (("earlier", earlier), ("now", encoder)):
        model = PreForgettableClassifier(own, "exact", levels=1).fit(pictures, labels)
        model.save_pretrained(tmp_path / name)
        assert ("steps" in model.folder.manifest.backbone) is (name == "now")
        again = PreForgettableClassifier.from_pretrained(tmp_path / name, device="cpu")
        assert again.engine_.encoder.preprocessing == own.preprocessing
        assert np.array_equal(again.scores(pictures), model.scores(pictures))
        scores.append(model.scores(pictures))
    assert not np.array_equal(*scores)
