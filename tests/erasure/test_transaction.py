"""The order of an erasure, what its receipt says, and that it doesn't begin where it can't end; crashes: test_kills."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from preforget.core.errors import IntegrityError, UsageError
from preforget.engines.isolated import IsolatedEngine
from preforget.erasure import forget, open_folder, plan, transaction
from preforget.erasure.receipt import Receipt, payload_of
from preforget.erasure.request import Request
from preforget.erasure.transaction import erase_on_disk
from preforget.erasure.verify import verify
from preforget.store import Manifest, ModelFolder
from preforget.store.keyring import open_keyring
from preforget.store.layout import INTENT

from .conftest import BACKBONE, LABELS, Made, make_record


def receipt_of(made: Made) -> Receipt:
    return Receipt.from_statement(payload_of(made.receipt().read_bytes()))


def test_what_a_receipt_says(made: Made) -> None:
    folder = made.open()
    before, (record,) = folder.manifest, folder.find([LABELS[1]])[LABELS[1]]
    described = folder.describe({record.id: folder.read_file(record.id)})
    erasure = made.forget(LABELS[1], reason="request 7")
    receipt, after = receipt_of(made), Manifest.read(made.model)
    assert receipt.erasure == erasure.id
    assert receipt.records == described
    assert receipt.model["before"] == {"manifest": before.state(), "generation": before.generation}
    assert receipt.model["after"]["manifest"] == after.state()
    assert before.generation < receipt.model["after"]["generation"] <= after.generation
    assert receipt.method == (["key destroyed", "file deleted"] if before.sealed else ["file deleted"])
    assert (receipt.derived, receipt.recovered, receipt.audits, receipt.copies) == (0, False, [], [])
    names = ["files", "keys", "scan"] if before.sealed else ["files", "scan"]
    assert [(check["name"], check["passed"]) for check in receipt.checks] == [(name, True) for name in names]
    entries = list(made.open().ledger.entries())
    assert [entry.event for entry in entries] == ["learn", "forget", "erased"]
    assert receipt.ledger == entries[1].head.as_dict()
    learned = {r["id"]: r["name"] for r in entries[0].data["records"]}
    assert learned[record.id] == receipt.records[0]["name"]


def test_an_audit_before_it_is_in_the_receipt(made: Made) -> None:
    made.open().note_audit("against-retrain", True, {"equal": True})
    made.forget(LABELS[1])
    (audit,) = receipt_of(made).audits
    assert (audit["seq"], audit["kind"], audit["passed"]) == (2, "against-retrain", True)


def test_a_copy_that_shared_weights_hold_is_found(tmp_path: Path) -> None:
    """What is wrong must be said: here the adapter, which stays, holds what was learned for the class."""
    leak = make_record(LABELS[0])
    manifest = Manifest("paper", "behavioural", {}, BACKBONE, 0.9)
    shared = {"adapter": torch.cat([torch.rand(50), leak.tensors["prompt"].flatten()])}
    keyring = tmp_path / "keyring"
    ModelFolder.create(tmp_path / "model", manifest, [leak, make_record(LABELS[1])], shared, keyring)
    made = Made(tmp_path / "model", keyring)
    with pytest.raises(IntegrityError, match=r"something is left: .* found in shared\.safetensors"):
        made.forget(LABELS[0])
    found = verify(made.receipt(), made.model, made.public_keys())
    assert [check["name"] for check in found.checks if not check["passed"]] == ["receipt"]
    assert made.labels() == [LABELS[1]]


def test_it_does_not_begin_where_nobody_can_sign(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made.open()
    planned = plan(folder, label=LABELS[1])
    monkeypatch.setenv("PREFORGET_PASSPHRASE", "a secret of many words")
    locked = made.keyring.with_name("locked")
    open_keyring(locked).signing.make()
    monkeypatch.delenv("PREFORGET_PASSPHRASE")
    folder = open_folder(made.model, made.keyring)
    if not folder.manifest.sealed:
        folder = open_folder(made.model, locked)
        before = {p: p.read_bytes() for p in made.model.rglob("*") if p.is_file()}
        with pytest.raises(UsageError, match="PREFORGET_PASSPHRASE"):
            forget(planned, folder=folder)
        assert {p: p.read_bytes() for p in made.model.rglob("*") if p.is_file()} == before
    assert made.labels() == LABELS


def test_what_is_gone_already_is_not_announced_again(made: Made) -> None:
    folder = made.open()
    planned = plan(folder, label=LABELS[1])
    forget(planned, folder=folder)
    with pytest.raises(UsageError, match="plan again"):
        forget(planned, folder=folder)
    assert not folder.has_intent()


def test_an_engine_without_a_sentence_signs_and_destroys_nothing(made: Made) -> None:
    class Silent(IsolatedEngine):
        guarantee = IsolatedEngine.guarantee
        meaning = ""

    folder = made.open()
    planned = replace(plan(folder, label=LABELS[1]), engine=Silent)
    with pytest.raises(UsageError, match="Silent a class variable 'meaning'"):
        forget(planned, folder=folder)
    assert made.labels() == LABELS


def test_someone_who_forgot_in_the_meantime(made: Made) -> None:
    mine = made.open()
    planned = plan(mine, label=LABELS[0])
    made.forget(LABELS[1])
    with pytest.raises(OSError, match="another process has changed it"):
        forget(planned, folder=mine)
    assert made.labels() == [LABELS[0], LABELS[2]]


def test_a_clock_that_steps_back_blocks_nothing(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(["2026-03-01T12:00:00.000Z", "2026-02-28T12:00:00.000Z"])
    with monkeypatch.context() as patch:
        patch.setattr(transaction, "now", lambda: next(times))
        made.forget(LABELS[1])
    receipt = receipt_of(made)
    assert receipt.begun == receipt.finished == "2026-03-01T12:00:00.000Z"
    assert any("clock stepped back" in sentence for sentence in receipt.not_claimed)
    assert verify(made.receipt(), made.model, made.public_keys()).passed
    made.forget(LABELS[0])


def test_a_damaged_announcement_stops_everything(made: Made) -> None:
    (made.model / INTENT).write_bytes(b"{}")
    with pytest.raises(IntegrityError, match="the erasure that it announces can't be ended"):
        made.open()


def test_several_classes_are_one_erasure_also_if_it_is_cut_off(made: Made) -> None:
    folder = made.open()
    planned = plan(folder, label=LABELS[:2])
    with pytest.raises(ZeroDivisionError):
        erase_on_disk(folder, planned, lambda: [1 / 0], request=Request())  # type: ignore[list-item]
    folder = made.open()
    receipt = receipt_of(made)
    assert receipt.recovered
    assert [target["what"] for target in receipt.targets] == ["class", "class"]
    ids = {record.id for record in planned.records}
    assert {i for target in receipt.targets for i in target["records"]} == ids
    assert [entry.event for entry in folder.ledger.entries()].count("forget") == 1
    assert not ids & set(folder.manifest.records)
    assert verify(made.receipt(), made.model, open_keyring(made.keyring).signing.known()).passed
