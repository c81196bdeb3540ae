"""Backups that come back: what was forgotten since is erased again, or the folder is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from preforget.core.errors import IntegrityError, UsageError
from preforget.erasure import open_folder, opening, read_folder, restore
from preforget.store import Manifest, ModelFolder
from preforget.store.key_file import FileModelKeys
from preforget.store.layout import LEDGER, RECORDS

from .conftest import LABELS, Made

LEFT = [LABELS[0], LABELS[2]]


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
    if Manifest.read(made.model).sealed:  # anybody could have put the earlier manifest there
        with pytest.raises(IntegrityError, match=r"is an earlier one.*preforget restore MODEL"):
            made.open()
        restore(made.model, made.keyring)
    assert made.labels() == LEFT
    assert events(made) == ["learn", "forget", "erased", "undone", "restore"]


def test_what_a_backup_brought_back_is_erased_again_though_it_was_cut_off(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the row of the ledger, the manifest and the keyring."""
    records = {path.name: path.read_bytes() for path in (made.model / RECORDS).iterdir()}
    made.forget(LABELS[1])

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    targets = [(ModelFolder, "adopt_head"), (ModelFolder, "_write"), (FileModelKeys, "note_head")]
    for target, name in targets if Manifest.read(made.model).sealed else targets[:2]:
        for file, content in records.items():
            (made.model / RECORDS / file).write_bytes(content)
        with monkeypatch.context() as patch:
            patch.setattr(target, name, die)
            with pytest.raises(KeyboardInterrupt):
                made.open()
        assert made.labels() == LEFT
        assert len(list((made.model / RECORDS).iterdir())) == 2


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


def test_records_are_read_again_if_another_process_changed_the_folder_meanwhile(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes between opening and reading, as often as it likes."""
    opened, left = opening.open_folder, [LABELS[1], LABELS[2]]

    def then_changed(*arguments: Any, **more: Any) -> ModelFolder:
        folder = opened(*arguments, **more)
        if left:
            made.forget(left.pop())
        return folder

    monkeypatch.setattr(opening, "open_folder", then_changed)
    folder, records = read_folder(made.model, made.keyring)
    assert [record.label for record in records] == [LABELS[0]]
    assert set(folder.manifest.records) == {record.id for record in records}
