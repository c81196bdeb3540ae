"""Nothing is destroyed and nothing signed by what anybody may have written into a model folder."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from preforget.cli.main import main
from preforget.core.canonical import canonical_digest, canonical_json
from preforget.core.clock import now
from preforget.core.errors import IntegrityError, StoreError
from preforget.erasure import forget, open_folder, plan, restore, transaction
from preforget.erasure.intent import announced
from preforget.erasure.kept_receipts import signed_ids
from preforget.erasure.receipt import Receipt, payload_of
from preforget.erasure.verify import verify
from preforget.store import Manifest, ModelFolder, changing_files
from preforget.store.authority import check_may_destroy_again, check_may_sign
from preforget.store.keyring import open_keyring
from preforget.store.layout import INTENT, LEDGER, RECEIPTS
from preforget.store.ledger import Entry, Ledger
from preforget.store.ledger_sqlite import SqliteLedger

from .conftest import BACKBONE, LABELS, Made, make_record


class Killed(BaseException):
    """Ends an erasure where a SIGKILL would."""


def cut(made: Made, monkeypatch: pytest.MonkeyPatch, target: object, name: str) -> None:
    """Begin to forget Grace Hopper, and be killed when a function is called."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(target, name, die)
        with pytest.raises(Killed):
            made.forget(LABELS[1], reason="request 7")


CUTS: dict[str, tuple[object, str]] = {
    "announced": (ModelFolder, "commit"),
    "in the ledger": (ModelFolder, "adopt_head"),
    "half destroyed": (changing_files, "sync_folder"),
    "without receipt": (transaction, "account_for_copies"),
    "without end": (transaction, "receipt_digest"),
}


def values_of(made: Made) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((made.model / INTENT).read_bytes())
    del values["checksum"]
    return values


def put(made: Made, values: dict[str, Any]) -> None:
    (made.model / INTENT).write_bytes(canonical_json({**values, "checksum": canonical_digest(values)}))


def everything(made: Made) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in made.model.rglob("*") if path.is_file()}


def planted(made: Made) -> dict[str, Any]:
    """Return what somebody with the folder alone can make up: an erasure of 2020."""
    manifest, i = Manifest.read(made.model), secrets.token_hex(16)
    record = {"id": i, "location": f"records/{i}.sealed", "bytes": 27983}
    record |= {"digest": f"sha256:{'a' * 64}", "name": f"hmac-sha256:{'b' * 64}"}
    return {
        **{"erasure": secrets.token_hex(16), "what": "subject", "begun": "2020-01-31T12:00:00.000Z"},
        **{"records": [record], "windows": [base64.b64encode(bytes(range(256))).decode()]},
        **{"reference": "request 2026-118", "grounds": "Art. 17(1)(b)", "seq": manifest.ledger["seq"]},
        "before": {"manifest": manifest.state(), "generation": 1},
    }


@pytest.mark.parametrize("kind", ["of an older version", "of a stranger", "of a live record"])
def test_a_planted_announcement(made: Made, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    made.forget(LABELS[1])  # so that there is a key that signs
    values = planted(made)
    if kind != "of an older version":
        values |= {"hash": Manifest.read(made.model).ledger["hash"], "mac": "0" * 64}
    if kind == "of a live record":
        folder = made.open()
        (record,) = folder.find([LABELS[0]])[LABELS[0]]
        values["records"] = folder.describe({record.id: folder.read_file(record.id)})
    put(made, values)
    before = everything(made)
    for _ in range(2):
        with pytest.raises(
            IntegrityError, match=r"didn't begin; nothing was destroyed or signed.*preforget forget"
        ):
            made.open()
    assert everything(made) == before
    keyring = ["--keyring", str(made.keyring)]
    assert main(["forget", str(made.model), LABELS[2], "--yes", *keyring]) == 0
    assert "forgotten" in capsys.readouterr().out
    assert made.labels() == [LABELS[0]]
    assert len(list((made.model / RECEIPTS).iterdir())) == 2
    assert [e.event for e in made.open().ledger.entries()] == ["learn", *["forget", "erased"] * 2]


@pytest.mark.parametrize("at", CUTS)
def test_what_was_really_begun_is_ended_and_signed(
    made: Made, monkeypatch: pytest.MonkeyPatch, at: str, tmp_path: Path
) -> None:
    folder = made.open()
    (record,) = folder.find([LABELS[1]])[LABELS[1]]
    described = folder.describe({record.id: folder.read_file(record.id)})
    cut(made, monkeypatch, *CUTS[at])
    before = everything(made)
    other = tmp_path / "other"
    open_keyring(other).signing.make()
    if folder.keys is None:  # the keys of a sealed model are missed earlier
        with pytest.raises(IntegrityError, match="If another keyring began it, give that one with --keyring"):
            open_folder(made.model, other)
        if at in (
            "announced",
            "in the ledger",
        ):  # later, manifest and ledger allow it without an announcement
            assert everything(made) == before
    assert made.labels() == [LABELS[0], LABELS[2]]
    receipt = Receipt.from_statement(payload_of(made.receipt().read_bytes()))
    assert receipt.records == described
    assert receipt.request["reference"] == "request 7"
    assert verify(made.receipt(), made.model, open_keyring(made.keyring).signing.known()).passed
    if at != "without end":  # that receipt was signed before the interruption
        assert receipt.recovered
        assert [line for line in receipt.not_claimed if "is not verified" in line] != []


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "digest": lambda v: v["records"][0].update(digest=f"sha256:{'a' * 64}"),
    "bytes": lambda v: v["records"][0].update(bytes=1),
    "name": lambda v: v["records"][0].update(name=f"hmac-sha256:{'b' * 64}"),
    "begun": lambda v: v.update(begun="2020-01-31T12:00:00.000Z"),
    "reference": lambda v: v.update(reference="request 8"),
    "what": lambda v: v.update(what="subject"),
    "before": lambda v: v["before"].update(generation=0),
    "windows": lambda v: v.update(windows=[]),
    "hash": lambda v: v.update(hash=f"sha256:{'c' * 64}"),
    "mac": lambda v: v.update(mac=""),
}


def test_no_entry_of_an_announcement_can_be_changed(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    cut(made, monkeypatch, *CUTS["announced"])
    whole = (made.model / INTENT).read_bytes()
    for change in CHANGES.values():
        values = values_of(made)
        change(values)
        put(made, values)
        with pytest.raises(IntegrityError, match="nothing was destroyed or signed"):
            made.open()
        (made.model / INTENT).write_bytes(whole)
    assert made.labels() == [LABELS[0], LABELS[2]]


def test_an_announcement_counts_in_its_own_model_and_history(
    made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cut(made, monkeypatch, *CUTS["announced"])
    announcement = (made.model / INTENT).read_bytes()
    manifest = Manifest.read(made.model)
    new = replace(
        Manifest("isolated", "parametric", {"seed": 0}, manifest.backbone, 0.95), sealed=manifest.sealed
    )
    other = ModelFolder.create(tmp_path / "other", new, [make_record("Ada")], {}, made.keyring)
    (other.path / INTENT).write_bytes(announcement)
    with pytest.raises(IntegrityError, match="didn't begin"):
        open_folder(other.path, made.keyring)
    assert made.labels() == [LABELS[0], LABELS[2]]
    (made.model / INTENT).write_bytes(announcement)  # again, when all is done
    before = [e.event for e in SqliteLedger(made.model / LEDGER).entries()]
    assert made.labels() == [LABELS[0], LABELS[2]]
    assert [e.event for e in made.open().ledger.entries()] == before


def test_facts_of_a_receipt_are_those_of_file_and_ledger(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even of an announcement that the keyring made: it is compared with what it speaks of."""
    cut(made, monkeypatch, *CUTS["announced"])
    folder = ModelFolder(made.model, Manifest.read(made.model), made.keyring)
    intent = announced(folder)
    assert intent is not None
    assert check_may_sign(folder, intent, None) == intent.records
    for name in ("digest", "name", "bytes"):
        value: object = 1 if name == "bytes" else "x"
        wrong = replace(intent, records=[{**intent.records[0], name: value}])
        with pytest.raises(IntegrityError, match=r"doesn't fit the model: record .* is another one"):
            check_may_sign(folder, wrong, None)
    gone = replace(intent, records=[{**intent.records[0], "id": "0" * 32}])
    with pytest.raises(IntegrityError, match="no row of the ledger that the keyring knows says so"):
        check_may_sign(folder, gone, None)


def test_it_speaks_of_the_rows_that_the_ledger_has(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the keyring announced it, for a history that isn't there any more."""
    cut(made, monkeypatch, *CUTS["announced"])
    folder = ModelFolder(made.model, Manifest.read(made.model), made.keyring)
    intent, row = announced(folder), next(folder.ledger.entries())
    assert intent is not None
    signer = folder.keyring.signing.current()
    for change in (
        {"hash": f"sha256:{'c' * 64}"},
        {"before": {**intent.before, "manifest": f"sha256:{'c' * 64}"}},
    ):
        other = replace(intent, **change)
        replace(other, mac=signer.authenticate(other.covered(folder.manifest.model))).write(folder.path)
        with pytest.raises(IntegrityError, match=r"row 1 of the ledger is another one"):
            announced(folder)
    with pytest.raises(IntegrityError, match=r"row 1 of the ledger lists other records"):
        check_may_sign(folder, intent, replace(row, data={"records": []}))


def test_another_process_s_erasure_is_not_replaced(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made.open()
    planned = plan(folder, label=LABELS[0])
    cut(made, monkeypatch, *CUTS["announced"])
    with pytest.raises(StoreError, match="has begun and not ended; load the model again"):
        forget(planned, folder=folder)
    assert made.labels() == [LABELS[0], LABELS[2]]


def test_rows_that_somebody_appended_destroy_no_keys(made: Made) -> None:
    folder = made.open()
    if folder.keys is None:
        pytest.skip("who may write to a plain folder can delete its files")
    victim = sorted(folder.manifest.records)[0]
    planned = plan(folder, label=LABELS[0])
    less = replace(folder.manifest, records={i: d for i, d in folder.manifest.records.items() if i != victim})
    data = {"erasure": "e" * 32, "what": "class", "records": [{"id": victim}]}
    row = folder.ledger.append("forget", {**data, "state": less.state()})
    with pytest.raises(IntegrityError, match=r"row 2 .* was not written with the keyring"):
        made.open()  # the manifest doesn't know it
    with pytest.raises(IntegrityError, match=r"row 2 .* was not written with the keyring"):
        folder.set_detached([victim])  # nor does a process that has it open follow it
    with pytest.raises(IntegrityError, match=r"row 2 .* was not written with the keyring"):
        forget(planned, folder=folder)  # nor does an erasure
    with pytest.raises(IntegrityError, match=r"row 2 .* was not written with the keyring"):
        folder.commit("forget", {**data, "records": []})
    digest = SqliteLedger(made.model / LEDGER).digest()
    replace(less, ledger={**row.head.as_dict(), "digest": digest}).write(made.model)
    with pytest.raises(IntegrityError, match=r"row 2 .* was not written with the keyring"):
        made.open()  # and here it does
    assert (folder.keys.destroyed(), set(folder.keys.get(folder.manifest.records))) == (
        {},
        set(folder.manifest.records),
    )


def without_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rows be written as earlier versions wrote them."""
    row_after = Ledger.row_after

    def unsigned(
        ledger: Ledger, before: Any, event: str, data: Any, time: Any = None, sign: Any = None
    ) -> Entry:
        return row_after(ledger, before, event, data, time)

    monkeypatch.setattr(Ledger, "row_after", unsigned)


def test_an_older_keyring_believes_the_rows_that_it_signed(made: Made, tmp_path: Path) -> None:
    if made.open().keys is None:
        pytest.skip("a plain model has no keys")
    older = Path(shutil.copytree(made.keyring, tmp_path / "older"))
    made.forget(LABELS[1])
    back = Made(made.model, older)
    assert back.labels() == [LABELS[0], LABELS[2]]
    keys = open_keyring(older).model(Manifest.read(made.model).model)
    assert (len(keys.destroyed()), keys.head()) == (1, made.open().ledger.head())


def test_an_older_keyring_believes_the_receipts_that_it_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of an earlier version it does not, unless the user restores the folder."""
    without_signatures(monkeypatch)
    manifest = replace(Manifest("isolated", "parametric", {"seed": 0}, BACKBONE, 0.95), sealed=True)
    made = Made(tmp_path / "model", tmp_path / "keyring")
    records = [make_record(label, slot) for slot, label in enumerate(LABELS)]
    ModelFolder.create(made.model, manifest, records, {}, made.keyring)
    copy = Made(Path(shutil.copytree(made.model, tmp_path / "copy")), made.keyring)
    older = Path(shutil.copytree(made.keyring, tmp_path / "older"))
    made.forget(LABELS[1])
    receipts = Path(shutil.move(made.model / RECEIPTS, tmp_path / "receipts"))
    back = Made(made.model, older)
    with pytest.raises(IntegrityError, match=r"was not written with the keyring.*preforget restore MODEL"):
        back.open()
    with pytest.raises(IntegrityError, match="restore MODEL --unconfirmed"):
        restore(made.model, older)
    with pytest.raises(IntegrityError, match="nor signed a receipt of it"):
        restore(made.model, older, accept=lambda rows: None)
    shutil.copytree(receipts, made.model / RECEIPTS)
    assert restore(made.model, older, accept=lambda rows: None) == 0
    assert back.labels() == [LABELS[0], LABELS[2]]
    keys = open_keyring(older).model(Manifest.read(made.model).model)
    assert len(keys.destroyed()) == 1
    check_may_destroy_again(folder := back.open(), keys.destroyed(), partial(signed_ids, folder))
    assert restore(made.model, older) == 0
    with pytest.raises(IntegrityError, match="older than its keyring knows"):
        copy.open()


@pytest.mark.parametrize("where", CUTS)
def test_an_announcement_from_the_future_is_refused_and_ended_by_its_owner(
    made: Made, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The clock was wrong when it was announced, and is right again after the crash."""
    with monkeypatch.context() as patch:
        patch.setattr(transaction, "now", lambda: "2099-01-01T00:00:00.000Z")
        cut(made, monkeypatch, *CUTS[where])
    with pytest.raises(IntegrityError, match=r"for 2099-01-01.*in the future.*Set the clock"):
        made.open()
    before = everything(made)
    with pytest.raises(IntegrityError, match="in the future"):
        made.open()
    assert everything(made) == before
    folder = open_folder(made.model, made.keyring, to_forget=True)
    assert LABELS[1] not in {record.label for record in folder.records()}
    receipt = Receipt.from_statement(payload_of(made.receipt().read_bytes()))
    if where != "without end":  # it was signed by the wrong clock
        assert receipt.begun <= receipt.finished < "2099"
        assert receipt.recovered
    assert verify(made.receipt(), made.model, made.public_keys()).passed
    assert made.labels() == [LABELS[0], LABELS[2]]


def test_an_announcement_of_a_little_later_is_ended(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(transaction, "now", lambda: now(timedelta(hours=23)))
        cut(made, monkeypatch, *CUTS["half destroyed"])
    assert made.labels() == [LABELS[0], LABELS[2]]
    receipt = Receipt.from_statement(payload_of(made.receipt().read_bytes()))
    assert receipt.begun == receipt.finished > now()
    assert any("clock stepped back" in sentence for sentence in receipt.not_claimed)


def test_an_announcement_that_is_put_back_signs_no_second_receipt(
    made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cut(made, monkeypatch, *CUTS["half destroyed"])
    saved = (made.model / INTENT).read_bytes()
    made.open()
    rows = [entry.head for entry in made.open().ledger.entries()]
    for moved in (True, False):
        if moved:
            made.receipt().rename(tmp_path / "receipt.json")
        else:
            shutil.copy(
                tmp_path / "receipt.json", made.model / RECEIPTS / f"{json.loads(saved)['erasure']}.json"
            )
        (made.model / INTENT).write_bytes(saved)
        assert made.labels() == [LABELS[0], LABELS[2]]
        assert [entry.head for entry in made.open().ledger.entries()] == rows
        assert len(list((made.model / RECEIPTS).iterdir())) == (0 if moved else 1)
        assert not (made.model / INTENT).exists()
    assert verify(made.receipt(), made.model, made.public_keys()).passed


@pytest.mark.parametrize("undone_row", [False, True], ids=["alone", "with a row that is undone"])
def test_an_announcement_that_was_withheld_is_not_obeyed_later(
    made: Made, monkeypatch: pytest.MonkeyPatch, undone_row: bool
) -> None:
    cut(made, monkeypatch, *CUTS["announced"])
    path = made.model / INTENT
    withheld = path.read_bytes()
    path.unlink()
    made.open().set_keep(0.9, {})
    if undone_row:  # a stranger's, which the keyring's owner has ended by restoring
        folder, values = made.open(), json.loads(withheld)
        listed = [{name: r[name] for name in ("id", "bytes", "digest", "name")} for r in values["records"]]
        facts = {"erasure": values["erasure"], "records": listed, "state": folder.manifest.state()}
        if not folder.manifest.sealed:
            return  # whoever writes to an unsealed folder can add rows, which count
        folder.ledger.append("forget", facts)
        restore(made.model, made.keyring)
    path.write_bytes(withheld)
    with pytest.raises(IntegrityError, match="the model has changed since, without ending it"):
        made.open()
    path.unlink()
    assert made.labels() == sorted(LABELS)
    assert not (made.model / RECEIPTS).exists()


def test_a_loaded_process_changes_nothing_beside_an_announcement(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = made.open()
    cut(made, monkeypatch, *CUTS["announced"])
    with pytest.raises(StoreError, match="has begun and not ended; load the model again"):
        loaded.set_keep(0.9, {})
    assert LABELS[1] not in made.labels()
    assert made.receipt().exists()
