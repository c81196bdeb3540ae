"""Somebody who writes to the folder of a sealed model, and has no key, has no key destroyed and nothing followed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from preforget.core.errors import ChangedError, IntegrityError
from preforget.core.hashing import bytes_digest
from preforget.erasure import forget, plan, restore
from preforget.erasure.receipt import Receipt, payload_of, receipt_digest, sign_receipt
from preforget.erasure.verify import verify
from preforget.store import Manifest, ModelFolder
from preforget.store.key_service import ModelKeys
from preforget.store.keyring import open_keyring
from preforget.store.layout import LEDGER
from preforget.store.ledger_sqlite import SqliteLedger

from .conftest import BACKBONE, LABELS, Made, make_record

MANIFEST = Manifest("isolated", "parametric", {"seed": 0}, BACKBONE, 0.95)


def make(path: Path, keyring: Path, labels: Sequence[str] = LABELS, *, sealed: bool = True) -> Made:
    made = Made(path, keyring)
    records = [make_record(label, slot) for slot, label in enumerate(labels)]
    manifest = replace(MANIFEST, model=Manifest("", "", {}, {}, 0).model, sealed=sealed)
    ModelFolder.create(made.model, manifest, records, {}, made.keyring)
    return made


@pytest.fixture
def sealed(tmp_path: Path) -> Made:
    return make(tmp_path / "model", tmp_path / "keyring")


def keys_of(made: Made) -> ModelKeys:
    return open_keyring(made.keyring).model(Manifest.read(made.model).model)


def add_zoe(made: Made) -> str:
    folder = made.open()
    before = set(folder.manifest.records)
    folder.change(add=[make_record("Zoe", len(LABELS))])
    return min(set(folder.manifest.records) - before)


def forge(model: Path, event: str, data: dict[str, Any], **changes: Any) -> None:
    """Add a row and a manifest that fits it, as anybody can."""
    manifest = Manifest.read(model)
    changed = replace(manifest, generation=manifest.generation + 1, **changes)
    row = ModelFolder(model, manifest).ledger.append(event, {**data, "state": changed.state()})
    known = {**row.head.as_dict(), "digest": SqliteLedger(model / LEDGER).digest()}
    replace(changed, ledger=known).write(model)


def plant(made: Made, ids: Sequence[str]) -> None:
    """Let the manifest call records erasing, which no row of the ledger states."""
    replace(Manifest.read(made.model), erasing=[f"records/{i}.sealed" for i in ids]).write(made.model)


def test_an_earlier_manifest_that_calls_a_newer_record_erasing_destroys_no_key(sealed: Made) -> None:
    before = Manifest.read(sealed.model)
    zoe = add_zoe(sealed)
    backup = sealed.backup(sealed.model.parent / "backup")
    before.write(sealed.model)
    plant(sealed, [zoe])
    with pytest.raises(IntegrityError, match="is an earlier one"):
        sealed.open()
    restore(sealed.model, sealed.keyring)
    assert keys_of(sealed).holding([zoe]) == {zoe}
    sealed.put_back(backup)
    restore(sealed.model, sealed.keyring)
    assert sealed.labels() == sorted([*LABELS, "Zoe"])


def test_after_restoring_an_honest_backup_a_planted_list_destroys_no_key_of_what_came_later(
    sealed: Made,
) -> None:
    backup = sealed.backup(sealed.model.parent / "backup")
    zoe = add_zoe(sealed)
    newest = sealed.backup(sealed.model.parent / "newest")
    sealed.put_back(backup)
    restore(sealed.model, sealed.keyring)
    plant(sealed, [zoe])
    assert sealed.labels() == sorted(LABELS)
    assert keys_of(sealed).holding([zoe]) == {zoe}
    assert zoe not in keys_of(sealed).destroyed()
    sealed.put_back(newest)
    restore(sealed.model, sealed.keyring)
    assert sealed.labels() == sorted([*LABELS, "Zoe"])


def test_a_change_that_was_cut_off_leaves_no_key(sealed: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the keyring knows to be made for a change that never ended goes, and nothing beside it."""
    folder, zoe = sealed.open(), make_record("Zoe", len(LABELS))

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ModelFolder, "commit", die)
        patch.setattr(ModelFolder, "finish_erasing", die)
        with pytest.raises(KeyboardInterrupt):
            folder.change(add=[zoe])
    assert keys_of(sealed).pending() == {zoe.id}
    assert sealed.labels() == sorted(LABELS)
    assert (keys_of(sealed).pending(), set(keys_of(sealed).destroyed())) == (set(), {zoe.id})


def test_a_folder_in_the_name_of_another_model_is_not_restored(sealed: Made, tmp_path: Path) -> None:
    other = make(tmp_path / "other", sealed.keyring)
    other.open().set_keep(0.9, {})
    live = sorted(Manifest.read(other.model).records)
    shutil.rmtree(sealed.model)
    (sealed.model / "records").mkdir(parents=True)
    SqliteLedger.create(sealed.model / LEDGER)
    replace(MANIFEST, model=Manifest.read(other.model).model, sealed=True).write(sealed.model)
    forge(sealed.model, "learn", {"records": []})
    for _ in range(2):
        with pytest.raises(IntegrityError, match=r"row 1 .* was not written with the keyring"):
            restore(sealed.model, sealed.keyring)
        plant(sealed, live)
    with pytest.raises(IntegrityError):
        sealed.open()
    assert other.labels() == sorted(LABELS)


@pytest.mark.parametrize("with_row", [True, False])
def test_an_old_folder_with_a_changed_manifest_is_not_restored(sealed: Made, with_row: bool) -> None:
    """With a row of the stranger's own that states the manifest, or without."""
    backup = sealed.backup(sealed.model.parent / "backup")
    sealed.open().set_keep(0.9, {})
    sealed.put_back(backup)
    changes: dict[str, Any] = {"keep": 0.5, "options": {"seed": 666}}
    if with_row:
        forge(sealed.model, "keep", {}, **changes)
    else:
        replace(Manifest.read(sealed.model), **changes).write(sealed.model)
    with pytest.raises(IntegrityError, match=r"was not written with|is not the one that its ledger knows"):
        restore(sealed.model, sealed.keyring)
    sealed.put_back(backup)
    assert restore(sealed.model, sealed.keyring) == 0
    assert sealed.open().manifest.keep == MANIFEST.keep


def test_an_old_backup_from_before_a_rotation_is_taken_after_a_look(sealed: Made) -> None:
    backup = sealed.backup(sealed.model.parent / "backup")
    open_keyring(sealed.keyring).signing.rotate()
    sealed.open().set_keep(0.9, {})
    sealed.put_back(backup)
    with pytest.raises(IntegrityError, match="restore MODEL --unconfirmed"):
        restore(sealed.model, sealed.keyring)
    shown: list[str] = []
    restore(sealed.model, sealed.keyring, accept=lambda rows: shown.extend(row.event for row in rows))
    assert (shown, sealed.labels()) == (["learn"], sorted(LABELS))


def test_a_plain_copy_in_the_place_of_the_sealed_folder_is_refused(tmp_path: Path) -> None:
    made = make(tmp_path / "model", tmp_path / "keyring", sealed=False)
    twin, loaded = made.backup(tmp_path / "twin"), made.open()
    wanted = plan(loaded, label=LABELS[0])
    made.open().seal()
    made.forget(LABELS[2])
    live = made.backup(tmp_path / "live")
    made.put_back(twin)
    for act in (
        made.open,
        lambda: restore(made.model, made.keyring),
        lambda: forget(wanted, folder=loaded),
    ):
        with pytest.raises(IntegrityError, match="knows its model as a sealed one"):
            act()
    assert not (made.model / "receipts").exists()
    assert Made(made.model, tmp_path / "another keyring").labels() == sorted(LABELS)
    made.put_back(live)
    assert made.labels() == sorted(LABELS[:2])


@pytest.mark.parametrize("seals", [True, False])
def test_a_process_that_has_the_model_loaded_does_not_go_on_with_an_earlier_manifest(
    tmp_path: Path, seals: bool
) -> None:
    made = make(tmp_path / "model", tmp_path / "keyring", sealed=seals)
    loaded = made.open()
    ada = min(loaded.manifest.records)
    made.open().set_detached([ada])
    loaded.manifest.write(made.model)
    with pytest.raises(
        IntegrityError if seals else ChangedError, match=r"is an earlier one|load the model again"
    ):
        loaded.records()
    if seals:
        with pytest.raises(IntegrityError, match="is an earlier one"):
            loaded.set_keep(0.9, {})
        assert [row.event for row in loaded.ledger.entries()] == ["learn", "detach"]


def test_a_forged_export_is_not_taken_over(sealed: Made, tmp_path: Path) -> None:
    """Its rows would be noted, and could let keys go later."""
    backup = sealed.backup(tmp_path / "backup")
    zoe = add_zoe(sealed)
    folder = ModelFolder(backup, Manifest.read(backup), sealed.keyring)
    folder.ledger.append("add", {"records": [], "removed": [{"id": zoe}], "state": folder.manifest.state()})
    export = tmp_path / "export.jsonl"
    export.write_text("".join(f"{line}\n" for line in folder.ledger.export()), encoding="utf-8")
    with pytest.raises(IntegrityError, match=r"row 2 .* was not written with the keyring"):
        restore(backup, sealed.keyring, export)


def test_a_newer_export_confirms_a_backup_from_before_a_rotation(sealed: Made, tmp_path: Path) -> None:
    backup = sealed.backup(tmp_path / "backup")
    open_keyring(sealed.keyring).signing.rotate()
    sealed.forget(LABELS[1])
    export = tmp_path / "export.jsonl"
    export.write_text("".join(f"{line}\n" for line in sealed.open().ledger.export()), encoding="utf-8")
    sealed.put_back(backup)
    assert restore(sealed.model, sealed.keyring, export) == 1
    assert sealed.labels() == sorted({*LABELS} - {LABELS[1]})


def test_a_row_that_restoring_has_undone_is_in_no_receipt(sealed: Made) -> None:
    folder = sealed.open()
    facts = {"kind": "audit", "passed": True, "result": f"sha256:{'1' * 64}"}
    folder.ledger.append("audit", {**facts, "state": folder.manifest.state()})
    restore(sealed.model, sealed.keyring)
    assert [row.event for row in sealed.open().ledger.entries()] == ["learn", "audit", "undone"]
    erasure = sealed.forget(LABELS[1])
    assert erasure.receipt is not None
    assert Receipt.from_statement(payload_of(erasure.receipt.read_bytes())).audits == []


def test_a_receipt_by_a_stolen_former_key_about_rows_that_are_undone_does_not_hold(
    sealed: Made, tmp_path: Path
) -> None:
    former = open_keyring(sealed.keyring).signing.current()
    erasure = sealed.forget(LABELS[1])
    assert erasure.receipt is not None
    genuine = Receipt.from_statement(payload_of(erasure.receipt.read_bytes()))
    open_keyring(sealed.keyring).signing.rotate()
    folder = sealed.open()
    state, record = folder.manifest.state(), {**genuine.records[0], "id": "ab" * 16}
    listed = [{name: record[name] for name in ("id", "bytes", "digest", "name")}]
    facts = {"erasure": "cd" * 16, "what": "class", "records": listed, "pieces": [], "state": state}
    row = folder.ledger.append("forget", facts)
    records = [{**record, "location": f"records/{record['id']}.sealed"}]
    forged = replace(genuine, erasure="cd" * 16, records=records, ledger=row.head.as_dict())
    content = sign_receipt(forged, former)
    digests = {"receipt": receipt_digest(content), "file": bytes_digest(content)}
    folder.ledger.append("erased", {"erasure": "cd" * 16, **digests, "passed": True, "state": state})
    restore(sealed.model, sealed.keyring)
    (tmp_path / "forged.json").write_bytes(content)
    ring = open_keyring(sealed.keyring)
    verification = verify(tmp_path / "forged.json", sealed.model, ring.signing.known(), ring)
    assert "inclusion" in {check["name"] for check in verification.checks if not check["passed"]}
    assert verify(erasure.receipt, sealed.model, ring.signing.known(), ring).passed


def test_a_receipt_does_not_hold_for_a_plain_copy_in_the_place_of_the_sealed_folder(tmp_path: Path) -> None:
    made = make(tmp_path / "model", tmp_path / "keyring", sealed=False)
    erasure = made.forget(LABELS[1])
    assert erasure.receipt is not None
    receipt = Path(shutil.copy(erasure.receipt, tmp_path))
    plain = made.backup(tmp_path / "plain")
    made.open().seal()
    ring = open_keyring(made.keyring)
    assert verify(receipt, made.model, ring.signing.known(), ring).passed
    made.put_back(plain)
    failed = [
        c["name"] for c in verify(receipt, made.model, ring.signing.known(), ring).checks if not c["passed"]
    ]
    assert failed == ["sealed"]
    assert verify(receipt, made.model, ring.signing.known()).passed  # without the keyring nobody can know


def test_a_planted_file_with_the_id_of_what_was_erased_and_another_ending_is_refused(sealed: Made) -> None:
    erased = sealed.forget(LABELS[1]).records[0]
    before = (sealed.model / "preforget.json").read_bytes()
    (sealed.model / "records" / f"{erased}.txt").write_text("x")
    with pytest.raises(IntegrityError, match="holds a file that is not the model's"):
        sealed.open()
    assert (sealed.model / "preforget.json").read_bytes() == before


def test_a_planted_number_of_changes_from_which_nothing_can_be_counted_on_is_refused(sealed: Made) -> None:
    replace(Manifest.read(sealed.model), generation=2**53 - 2).write(sealed.model)
    with pytest.raises(IntegrityError, match="a number is out of range"):
        sealed.forget(LABELS[1])
