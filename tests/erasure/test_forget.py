from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from preforget.backbones import Encoder
from preforget.core.errors import IntegrityError, StoreError, UnknownLabelError, UsageError
from preforget.core.guarantee import Guarantee
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.options import Isolated
from preforget.erasure import Erasure, forget, open_folder, plan_in_memory
from preforget.erasure.forget import ended_in_folder
from preforget.erasure.receipt import Receipt, payload_of, sign_receipt
from preforget.records import ClassRecord
from preforget.store import Manifest, ModelFolder
from preforget.store.keyring import open_keyring
from preforget.store.layout import INTENT, RECEIPTS

LABELS = ["Ada", "Grace", "Mary"]
BACKBONE = {
    **{"id": "x", "revision": None, "architecture": "vit", "digest": "sha256:0", "image_size": 32},
    **{"mean": [0, 0, 0], "std": [1, 1, 1], "dtype": "float32"},
}


@pytest.fixture
def engine(tiny_encoder: Encoder) -> IsolatedEngine:
    engine = IsolatedEngine(tiny_encoder, Isolated())
    for number, label in enumerate(LABELS):
        generator = torch.Generator().manual_seed(number)
        tensors = {n: torch.rand(s, generator=generator) + 0.1 for n, s in engine.record_shapes().items()}
        engine.bank.insert(ClassRecord(label, tensors))
    return engine


@pytest.fixture
def folder(engine: IsolatedEngine, tmp_path: Path) -> ModelFolder:
    records = [engine.bank[label] for label in LABELS]
    return ModelFolder.create(
        tmp_path / "m", Manifest("isolated", "parametric", {}, BACKBONE, 0.9), records, {}
    )


def forget_label(
    engine: IsolatedEngine,
    folder: ModelFolder | None,
    label: str,
    reason: str | None = None,
    grounds: str | None = None,
) -> Erasure:
    return forget(
        plan_in_memory(engine, label=label), engine=engine, folder=folder, reason=reason, grounds=grounds
    )


def test_in_memory(engine: IsolatedEngine) -> None:
    record = engine.bank["Grace"]
    erasure = forget_label(engine, None, "Grace", reason="request 7")
    assert engine.bank.labels == ["Ada", "Mary"]
    assert all(not tensor.any() for tensor in record.tensors.values())
    assert (erasure.records, erasure.reason, erasure.classes_left) == ([record.id], "request 7", 2)
    assert erasure.guarantee is Guarantee.PARAMETRIC
    assert (erasure.disk_ms, erasure.bytes_removed, erasure.generation) == (None, 0, None)
    assert erasure.memory_ms > 0


def test_on_disk_too(engine: IsolatedEngine, folder: ModelFolder) -> None:
    record = engine.bank["Grace"].id
    path = folder.path / folder.name_of(record)
    size = path.stat().st_size
    erasure = forget_label(engine, folder, "Grace")
    assert erasure.bytes_removed == size
    assert erasure.disk_ms is not None
    assert erasure.generation == folder.manifest.generation == Manifest.read(folder.path).generation
    assert not path.exists()
    assert erasure.receipt == folder.path / RECEIPTS / f"{erasure.id}.json"
    assert erasure.receipt.is_file()


def test_what_is_reported_is_plain_and_names_nobody(engine: IsolatedEngine) -> None:
    plain = forget_label(engine, None, "Grace").as_dict()
    text = json.dumps(plain)
    assert "Grace" not in text
    assert plain["guarantee"] == "parametric"
    assert plain["meaning"] == IsolatedEngine.meaning
    when = datetime.fromisoformat(plain["time"])
    assert plain["time"].endswith("Z")
    assert abs(datetime.now(UTC) - when) < timedelta(minutes=5)


def test_an_unknown_label_changes_nothing(engine: IsolatedEngine, folder: ModelFolder) -> None:
    forget_label(engine, folder, "Grace")
    before = folder.manifest
    for label in ("Grace", "grace", ""):
        with pytest.raises(UnknownLabelError):
            forget_label(engine, folder, label)
    assert Manifest.read(folder.path) == before
    assert engine.bank.labels == ["Ada", "Mary"]


def test_nothing_is_forgotten_where_the_folder_can_not_be_changed(
    engine: IsolatedEngine, folder: ModelFolder
) -> None:
    scores = engine.scores(np.zeros((1, 32, 32), dtype=np.uint8))
    aside = folder.path.rename(folder.path.with_name("aside"))
    with pytest.raises(StoreError):
        forget_label(engine, folder, "Grace")
    assert np.array_equal(engine.scores(np.zeros((1, 32, 32), dtype=np.uint8)), scores)
    aside.rename(folder.path)
    forget_label(engine, folder, "Grace")
    assert len(folder.records()) == 2


def test_what_has_begun_on_disk_is_not_answered_from_memory(
    engine: IsolatedEngine, folder: ModelFolder
) -> None:
    path = folder.path / RECEIPTS
    path.write_bytes(b"in the way")
    with pytest.raises(StoreError, match="has begun but can't be ended: Not a directory"):
        forget_label(engine, folder, "Grace")
    assert engine.bank.labels == ["Ada", "Mary"]
    assert (folder.path / INTENT).exists()
    path.unlink()
    with pytest.raises(IntegrityError, match="begun and not ended"):
        ModelFolder.open(folder.path)
    assert sorted(record.label for record in open_folder(folder.path).records()) == ["Ada", "Mary"]
    assert not (folder.path / INTENT).exists()
    assert len(list(path.iterdir())) == 1
    ModelFolder.open(folder.path)


def test_a_record_that_is_damaged_is_not_taken_for_erased(
    engine: IsolatedEngine, folder: ModelFolder
) -> None:
    (folder.path / folder.name_of(engine.bank["Grace"].id)).write_bytes(b"other")
    with pytest.raises(IntegrityError, match="its digest differs"):
        forget_label(engine, folder, "Grace")
    assert engine.bank.labels == LABELS
    assert not (folder.path / INTENT).exists()


@pytest.mark.parametrize("reason", ["Grace asked", "request of GRACE.", "a\nb", "x" * 501])
def test_a_reason_that_must_not_stay(engine: IsolatedEngine, folder: ModelFolder, reason: str) -> None:
    before = folder.manifest
    for place in (folder, None):
        with pytest.raises(UsageError, match="the reason"):
            forget_label(engine, place, "Grace", reason=reason)
        with pytest.raises(UsageError, match="the grounds"):
            forget_label(engine, place, "Grace", grounds=reason)
    assert engine.bank.labels == LABELS
    assert Manifest.read(folder.path) == before


def test_what_was_never_written_needs_no_erasing(engine: IsolatedEngine, folder: ModelFolder) -> None:
    late = engine.bank["Grace"]
    folder.change(erase=[late.id])  # as a crash leaves a record that is derived again on loading
    erasure = forget_label(engine, folder, "Grace")
    assert (erasure.records, erasure.bytes_removed) == ([late.id], 0)
    assert engine.bank.labels == ["Ada", "Mary"]


def test_only_a_receipt_of_this_keyring_model_and_records_says_what_came_of_a_plan(
    engine: IsolatedEngine, folder: ModelFolder, tmp_path: Path
) -> None:
    plan = plan_in_memory(engine, label="Grace")
    nothing = plan_in_memory(engine, label="Ada")
    assert ended_in_folder(folder, plan, 3) is None
    erasure = forget(plan, engine=engine, folder=folder)
    assert erasure.receipt is not None
    ended = ended_in_folder(folder, plan, 2)
    assert ended is not None
    assert ended.id == erasure.id
    assert ended_in_folder(folder, nothing, 2) is None
    content, keys = erasure.receipt.read_bytes(), folder.keyring.signing
    receipt = Receipt.from_statement(payload_of(content))
    foreign = replace(receipt, model={**receipt.model, "id": "0" * len(receipt.model["id"])})
    elsewhere = open_keyring(tmp_path / "strangers").signing.current()
    for forged in (sign_receipt(foreign, keys.current()), sign_receipt(receipt, elsewhere)):
        erasure.receipt.write_bytes(forged)
        assert ended_in_folder(folder, plan, 2) is None
    folder.ledger.append("forget", {"erasure": "e" * 32, "records": [], "state": folder.manifest.state()})
    assert ended_in_folder(folder, plan, 2) is None
