"""Backups that come back: what was forgotten since is erased again, or the folder is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import IntegrityError, StoreError, UnknownLabelError, UsageError
from preforget.erasure import open_folder, restore
from preforget.store.layout import LEDGER, RECORDS

from .conftest import LABELS, Made

LEFT = [LABELS[0], LABELS[2]]


def export(made: Made, to: Path) -> Path:
    to.write_text("".join(f"{line}\n" for line in made.open().ledger.export()), encoding="utf-8")
    return to


def events(made: Made) -> list[str]:
    return [entry.event for entry in made.open().ledger.entries()]


def test_records_from_a_backup_are_erased_again(made: Made, tmp_path: Path) -> None:
    backup = made.backup(tmp_path / "backup")
    made.forget(LABELS[1])
    for path in (backup / RECORDS).iterdir():
        shutil.copy(path, made.model / RECORDS / path.name)
    assert made.labels() == LEFT
    assert len(list((made.model / RECORDS).iterdir())) == 2
    assert events(made) == ["learn", "forget", "erased", "restore"]
    assert made.labels() == LEFT


def test_all_but_the_ledger_from_a_backup(made: Made, tmp_path: Path) -> None:
    backup = made.backup(tmp_path / "backup")
    made.forget(LABELS[1])
    ledger, receipts = (made.model / LEDGER).read_bytes(), made.model / "receipts"
    shutil.copytree(receipts, tmp_path / "receipts")
    made.put_back(backup)
    (made.model / LEDGER).write_bytes(ledger)
    shutil.copytree(tmp_path / "receipts", receipts)
    assert made.labels() == LEFT
    assert events(made) == ["learn", "forget", "erased", "undone", "restore"]


def test_a_whole_backup_of_a_sealed_model_can_not_answer(made: Made, tmp_path: Path) -> None:
    if not made.open().manifest.sealed:
        pytest.skip("of a plain model nothing but the ledger's export knows")
    backup = made.backup(tmp_path / "backup")
    made.forget(LABELS[1])
    beside = Made(backup, made.keyring)
    with pytest.raises(IntegrityError, match=r"older than its keyring knows.*preforget restore"):
        beside.open()
    assert restore(backup, made.keyring) == 1
    assert beside.labels() == LEFT
    assert events(beside) == ["learn", "restore"]
    assert list(beside.open().ledger.entries())[-1].data["known"]["seq"] == 3  # the gap stays visible
    beside.forget(LABELS[0])
    assert beside.labels() == [LABELS[2]]


def test_a_whole_backup_and_a_newer_ledger(
    made: Made, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    backup = made.backup(tmp_path / "backup")
    made.forget(LABELS[1])
    newer = export(made, tmp_path / "ledger.jsonl")
    made.put_back(backup)
    if "sealed" not in request.node.name:
        assert made.labels() == LABELS  # a plain folder alone can't know
    assert restore(made.model, made.keyring, newer) == 1
    assert made.labels() == LEFT
    assert events(made) == ["learn", "forget", "erased", "restore"]
    assert restore(made.model, made.keyring, export(made, tmp_path / "again.jsonl")) == 0


def test_an_export_that_does_not_go_on_from_here(made: Made, tmp_path: Path) -> None:
    older = export(made, tmp_path / "older.jsonl")
    made.forget(LABELS[1])
    with pytest.raises(IntegrityError, match="the export ends at row 1"):
        restore(made.model, made.keyring, older)
    lines = export(made, tmp_path / "newer.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "cut.jsonl").write_text("\n".join(lines[1:]), encoding="utf-8")
    with pytest.raises(IntegrityError, match="line 1 of the export"):
        restore(made.model, made.keyring, tmp_path / "cut.jsonl")
    with pytest.raises(StoreError, match="can't be read"):
        restore(made.model, made.keyring, tmp_path / "none.jsonl")
    assert made.labels() == LEFT


def test_a_lost_keyring(made: Made, tmp_path: Path) -> None:
    if not made.open().manifest.sealed:
        pytest.skip("a plain model needs no keys to be read")
    with pytest.raises(IntegrityError, match=r"is not in the keyring .*; give the right one with --keyring"):
        open_folder(made.model, tmp_path / "other").records()


def test_keys_from_the_environment_can_read_but_not_forget(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    import base64
    import json

    folder = made.open()
    if folder.keys is None:
        pytest.skip("a plain model has no keys")
    keys = {i: base64.b64encode(k).decode() for i, k in folder.keys.get(folder.manifest.records).items()}
    monkeypatch.setenv("MODEL_KEYS", json.dumps({"model": folder.manifest.model, "keys": keys}))
    replica = Made(made.model, Path("env:MODEL_KEYS"))
    assert sorted(r.label for r in open_folder(made.model, "env:MODEL_KEYS").records()) == LABELS
    from preforget.erasure import forget, plan

    there = open_folder(replica.model, "env:MODEL_KEYS")
    with pytest.raises(UsageError, match="come from"):
        forget(plan(there, label=LABELS[0]), folder=there)
    assert made.labels() == LABELS


def test_pairs_and_people_of_an_exact_model_come_back_from_no_backup(tiny_vit: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (24, 32, 32), dtype=np.uint8)
    labels, people = ["ant", "cat", "dog"] * 8, ["kim", "lee", "pat", "sam"] * 6
    model = PreForgettableClassifier(str(tiny_vit), "exact", device="cpu", dtype="float32", levels=1)
    model.fit(images, labels, subjects=people)
    model.save_pretrained(tmp_path / "m", keyring=tmp_path / "keyring")
    backup = shutil.copytree(tmp_path / "m", tmp_path / "backup")
    model.forget_subject("kim")
    model.forget("dog")
    made = Made(tmp_path / "m", tmp_path / "keyring")
    newer = export(made, tmp_path / "ledger.jsonl")
    made.put_back(backup)
    assert restore(made.model, made.keyring, newer) > 0
    back = PreForgettableClassifier.from_pretrained(tmp_path / "m", keyring=tmp_path / "keyring")
    assert back.labels == ["ant", "cat"]
    with pytest.raises(UnknownLabelError):
        back.forget_subject("kim")
    assert back.scores(images).tobytes() == model.scores(images).tobytes()
