"""Restoring a backup is one step, which can be killed and repeated at any point; a full disk prevents all of it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import IntegrityError, PreforgetError, StoreError, UnknownLabelError, UsageError
from preforget.erasure import restore, transaction
from preforget.erasure.verify import verify
from preforget.store import Manifest, ModelFolder
from preforget.store.consistency import without
from preforget.store.keyring import open_keyring
from preforget.store.layout import INTENT, LEDGER
from preforget.store.ledger_sqlite import SqliteLedger

from .conftest import LABELS, Made, make_record
from .test_authority import cut
from .test_kills import limited
from .test_opening import LEFT, events
from .tracing import CAN_TRACE, run_and_kill


def export(made: Made, to: Path) -> Path:
    to.write_text("".join(f"{line}\n" for line in made.open().ledger.export()), encoding="utf-8")
    return to


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


@pytest.mark.parametrize("forgotten", [True, False], ids=["forgotten since", "not forgotten"])
def test_a_class_that_was_learned_anew_and_then_forgotten_comes_back_from_no_backup(
    made: Made, tmp_path: Path, forgotten: bool
) -> None:
    backup = made.backup(tmp_path / "backup")
    folder = made.open()
    old = next(record.id for record in folder.records() if record.label == LABELS[1])
    folder.change(add=[make_record(LABELS[1], 1)], erase=[old])  # as refit, rename and merge do
    if forgotten:
        made.forget(LABELS[1])
    newer, sealed = export(made, tmp_path / "ledger.jsonl"), folder.manifest.sealed
    made.put_back(backup)
    assert restore(made.model, made.keyring, newer) == int(forgotten or sealed)
    assert made.labels() == (LEFT if forgotten or sealed else LABELS)
    last = list(made.open().ledger.entries())[-1]
    assert last.data.get("replaced") == ([old] if forgotten or sealed else None)
    assert restore(made.model, made.keyring, newer) == 0


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


def everything(made: Made) -> dict[str, bytes]:
    """Return the bytes of all files of model and keyring."""
    roots = (made.model, made.keyring)
    return {str(path): path.read_bytes() for root in roots for path in root.rglob("*") if path.is_file()}


def restored_twice(made: Made, newer: Path) -> None:
    """Restore, and again, which changes nothing; then all that was erased is gone and old receipts hold."""
    restore(made.model, made.keyring, newer)
    before = everything(made)
    assert restore(made.model, made.keyring, newer) == 0
    assert everything(made) == before
    assert made.labels() == LEFT
    found = verify(made.model.parent / "receipt.json", made.model, open_keyring(made.keyring).signing.known())
    assert found.passed, found.checks


@pytest.fixture
def backed_up(made: Made, tmp_path: Path) -> tuple[Made, Path]:
    """Return a model whose folder is that of before an erasure, and a newer export of its ledger."""
    backup = made.backup(tmp_path / "backup")
    made.forget(LABELS[1])
    shutil.copy(made.receipt(), tmp_path / "receipt.json")
    newer = export(made, tmp_path / "ledger.jsonl")
    made.put_back(backup)
    return made, newer


def copied(made: Made, to: Path) -> Made:
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir()
    shutil.copy(made.model.parent / "receipt.json", to)
    return Made(
        Path(shutil.copytree(made.model, to / "model")), Path(shutil.copytree(made.keyring, to / "keyring"))
    )


@pytest.mark.slow
@pytest.mark.skipif(not CAN_TRACE, reason="tracing system calls is written for Linux on x86-64")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_kill_before_any_change_loses_nothing_and_brings_nothing_back(
    backed_up: tuple[Made, Path], tmp_path: Path
) -> None:
    before, newer = backed_up
    sealed = Manifest.read(before.model).sealed
    whole = copied(before, tmp_path / "whole")
    try:
        calls, code = run_and_kill(lambda: restore(whole.model, whole.keyring, newer), None)
    except PermissionError as error:
        pytest.skip(str(error))
    assert code == 0
    every = int(os.environ.get("PREFORGET_KILL_EVERY", "6"))
    seen = []
    for at in range(1 + sealed, calls + 1, every):
        killed = copied(before, tmp_path / "killed")
        _, code = run_and_kill(lambda to=killed: restore(to.model, to.keyring, newer), at)  # type: ignore[misc]
        assert code is None
        try:
            labels = killed.labels()  # a server opens it now
        except IntegrityError as error:
            assert "preforget restore" in str(error)  # noqa: PT017
            labels = []
        # a plain folder can't know before it was begun; a sealed one never answers with what was erased
        assert labels in ([[], LEFT] if sealed else [LABELS, LEFT])
        seen.append(labels)
        restored_twice(killed, newer)
    first = seen.index(LEFT)
    assert LEFT not in seen[:first]
    assert set(map(tuple, seen[first:])) == {tuple(LEFT)}


@pytest.mark.parametrize("limit", [0, 4096])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_full_disk_leaves_all_as_it_was(backed_up: tuple[Made, Path], limit: int) -> None:
    made, newer = backed_up
    before = everything(made)
    assert limited(lambda: restore(made.model, made.keyring, newer), limit) == 1
    assert everything(made) == before
    restored_twice(made, newer)


def test_a_keyring_that_cannot_be_written_leaves_the_folder_as_it_was(
    backed_up: tuple[Made, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, newer = backed_up
    keys = ModelFolder(made.model, Manifest.read(made.model), made.keyring).keys
    if keys is None:
        pytest.skip("a plain model has no keys")
    before = everything(made)

    def full(*_: object) -> None:
        raise StoreError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(keys), "follow_restored", full)
        with pytest.raises(StoreError, match="no space"):
            restore(made.model, made.keyring, newer)
    assert everything(made) == before
    restored_twice(made, newer)


def test_a_backup_from_the_middle_of_an_erasure(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The export knows how that erasure ended, so that the backup's announcement is not ended a second time."""
    for place in ((ModelFolder, "commit"), (ModelFolder, "adopt_head"), (transaction, "account_for_copies")):
        live = copied_without_receipt(made, tmp_path / "live")
        cut(live, monkeypatch, *place)
        backup = live.backup(tmp_path / "live" / "backup")
        assert live.labels() == LEFT
        shutil.copy(live.receipt(), tmp_path / "live" / "receipt.json")
        newer = export(live, tmp_path / "live" / "ledger.jsonl")
        live.put_back(backup)
        restored_twice(live, newer)
        assert not (live.model / INTENT).exists()
        assert events(live)[:3] == ["learn", "forget", "erased"]


def copied_without_receipt(made: Made, to: Path) -> Made:
    shutil.rmtree(to, ignore_errors=True)
    if not made.keyring.exists():
        open_keyring(made.keyring).signing.make()
    return Made(
        Path(shutil.copytree(made.model, to / "model")), Path(shutil.copytree(made.keyring, to / "keyring"))
    )


def test_with_keys_that_can_not_be_destroyed_nothing_is_restored(
    backed_up: tuple[Made, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where nothing is left to erase: it would say that all is well without having looked."""
    made, _ = backed_up
    if not Manifest.read(made.model).sealed:
        pytest.skip("a plain model has no keys")
    restore(made.model, made.keyring)
    manifest = Manifest.read(made.model)
    held = open_keyring(made.keyring).model(manifest.model).get(manifest.records)
    keys = {i: base64.b64encode(key).decode() for i, key in held.items()}
    monkeypatch.setenv("KEYS", json.dumps({"model": manifest.model, "keys": keys}))
    before = everything(made)
    with pytest.raises(UsageError, match=r"is sealed and its keys come from env:KEYS"):
        restore(made.model, "env:KEYS")
    assert everything(made) == before
    assert restore(made.model, made.keyring) == 0


def test_a_planted_restoring_destroys_no_keys(backed_up: tuple[Made, Path]) -> None:
    """Rows that anybody may have written end nothing: the keyring doesn't know them."""
    made, _ = backed_up
    restore(made.model, made.keyring)
    folder = made.open()
    if folder.keys is None:
        pytest.skip("who may write to a plain folder can delete its files")
    victim = min(folder.manifest.records)
    changed = replace(folder.manifest, **without(folder.manifest, {victim}))
    facts = {"erasure": "0" * 32, "records": [{"id": victim}], "known": None, "state": changed.state()}
    folder.ledger.append("restore", facts)
    try:
        labels = made.labels()
    except PreforgetError:
        labels = []
    assert folder.keys.get([victim])
    assert labels in ([], LEFT)


@pytest.mark.parametrize("where", ["ledger", "manifest", "behind the manifest", "export"])
def test_a_forged_row_destroys_no_keys_when_restored(
    backed_up: tuple[Made, Path], tmp_path: Path, where: str
) -> None:
    """Whoever has the folder alone, or an export, can write a row, and let the manifest know it."""
    made, _ = backed_up
    restore(made.model, made.keyring)
    folder = made.open()
    if folder.keys is None:
        pytest.skip("who may write to a plain folder can delete its files")
    victim, kept = min(folder.manifest.records), made.backup(tmp_path / "kept")
    facts = {"erasure": "a" * 32, "what": "class", "records": [{"id": victim}]}
    row = folder.ledger.append("forget", {**facts, "state": folder.manifest.state()})
    forged = None
    if where == "export":
        lines = "".join(f"{line}\n" for line in folder.ledger.export())
        forged = tmp_path / "forged.jsonl"
        forged.write_text(lines, encoding="utf-8")
        made.put_back(kept)
    elif where != "ledger":
        digest = SqliteLedger(made.model / LEDGER).digest()
        replace(folder.manifest, ledger={**row.head.as_dict(), "digest": digest}).write(made.model)
        if where == "behind the manifest":
            folder.ledger.append("detach", {"records": [], "state": folder.manifest.state()})
    if where == "ledger":
        assert restore(made.model, made.keyring) == 0
        assert made.labels() == LEFT
    else:
        for _ in range(2):
            with pytest.raises(
                IntegrityError, match=r"was not written with the keyring|neither knows that row"
            ):
                restore(made.model, made.keyring, forged)
            with pytest.raises(IntegrityError) if forged is None else contextlib.nullcontext():
                made.open()
    assert folder.keys.get([victim])


@pytest.mark.slow
@pytest.mark.skipif(not CAN_TRACE, reason="tracing system calls is written for Linux on x86-64")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("kind", ["plain", "sealed", "with an older keyring"])
def test_what_is_kept_for_all_classes_is_not_lost_wherever_it_is_killed(tmp_path: Path, kind: str) -> None:
    """The isolated engine's scores of validation inputs: rewritten without the class, as when it was forgotten."""
    sealed = kind != "plain"
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 4)) + np.repeat(np.eye(3, 4) * 6, 20, axis=0), np.repeat(["a", "b", "c"], 20)
    model = PreForgettableClassifier("features", "isolated", epochs=1).fit(X, y)
    before = Made(tmp_path / "model", tmp_path / "keyring")
    model.save_pretrained(before.model, sealed=sealed, keyring=before.keyring)
    backup = before.backup(tmp_path / "backup")
    older = shutil.copytree(before.keyring, tmp_path / "older") if sealed else None
    receipt = model.forget("b").receipt
    assert receipt is not None
    shutil.copy(receipt, tmp_path / "receipt.json")
    newer = export(before, tmp_path / "ledger.jsonl")
    before.put_back(backup)
    if kind == "with an older keyring":
        assert older is not None
        before = Made(before.model, older)
    whole = copied(before, tmp_path / "whole")
    try:
        calls, code = run_and_kill(lambda: restore(whole.model, whole.keyring, newer), None)
    except PermissionError as error:
        pytest.skip(str(error))
    assert code == 0
    every = int(os.environ.get("PREFORGET_KILL_EVERY", "6"))
    for at in [*range(3 + sealed, calls + 1, every), None]:
        killed = copied(before, tmp_path / "killed")
        run_and_kill(lambda to=killed: restore(to.model, to.keyring, newer), at)  # type: ignore[misc]
        if at is not None and at % 2:
            with contextlib.suppress(IntegrityError):
                killed.open()
        restore(killed.model, killed.keyring, newer)
        back = PreForgettableClassifier.from_pretrained(killed.model, keyring=killed.keyring)
        assert back.labels == ["a", "c"]
        if kind == "sealed":  # what was kept then is unreadable: its key was destroyed when it was rewritten
            assert len(back.engine_.records()) == 2
        else:
            assert back.known_proba(X).tobytes() == model.known_proba(X).tobytes()
            assert len(back.engine_.records()) == len(model.engine_.records()) == 3
        found = verify(tmp_path / "receipt.json", killed.model, killed.public_keys())
        assert found.passed, found.checks
