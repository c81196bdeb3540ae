"""What a receipt proves of a folder, and that nothing that was tampered with passes."""

from __future__ import annotations

import os
import random
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from preforget.core.errors import ChangedError, IntegrityError, StoreError, UsageError
from preforget.core.files import exclusive
from preforget.erasure import open_folder
from preforget.erasure.dsse import MAX_BYTES
from preforget.erasure.receipt import read_bounded
from preforget.erasure.verify import trusted_keys, verify, verify_receipt
from preforget.store import Manifest
from preforget.store.keyring import open_keyring
from preforget.store.layout import LEDGER
from preforget.store.ledger_sqlite import SqliteLedger

from .conftest import LABELS, Made, make_record


def failed(made: Made, receipt: Path | None = None) -> list[str]:
    found = verify(receipt or made.receipt(), made.model, made.public_keys())
    assert found.passed == all(check["passed"] for check in found.checks)
    return [str(check["name"]) for check in found.checks if not check["passed"]]


def test_a_receipt_holds_with_nothing_but_the_public_key(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.forget(LABELS[1], reason="request 7")
    public = tmp_path / "public.pem"
    public.write_bytes(open_keyring(made.keyring).signing.current().public_pem)
    shutil.rmtree(made.keyring)
    monkeypatch.setenv("PREFORGET_KEYRING", str(tmp_path / "nowhere"))
    before = {p: p.read_bytes() for p in made.model.rglob("*") if p.is_file()}
    found = verify(made.receipt(), made.model, trusted_keys([public], open_keyring()))
    assert found.passed
    names = [check["name"] for check in found.checks]
    against = ["ledger", "inclusion", "receipt", "bytes", "files", "pieces", "receipts"]
    assert names == ["signature", "schema", "model", *against]
    assert found.receipt.request == {"reference": "request 7", "grounds": None}
    assert {p: p.read_bytes() for p in made.model.rglob("*") if p.is_file()} == before
    assert not (tmp_path / "nowhere").exists()


def test_a_receipt_as_python_users_check_it(made: Made, tmp_path: Path) -> None:
    made.forget(LABELS[1])
    assert verify_receipt(str(made.receipt()), str(made.model), keyring=made.keyring).passed
    alone = verify_receipt(made.receipt(), keyring=made.keyring)
    assert [check["name"] for check in alone.checks] == ["signature", "schema"]
    public = tmp_path / "public.pem"
    public.write_bytes(open_keyring(made.keyring).signing.current().public_pem)
    assert verify_receipt(made.receipt(), made.model, [public], keyring=tmp_path / "nowhere").passed
    with pytest.raises(UsageError, match="no key to check the signature with"):
        verify_receipt(made.receipt(), made.model, keyring=tmp_path / "nowhere")


def test_a_missing_receipt_is_named_before_a_missing_key(made: Made, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no receipt .*receipt\.json; give the file that"):
        verify_receipt(tmp_path / "receipt.json", made.model, keyring=tmp_path / "nowhere")


def test_it_names_nobody(made: Made) -> None:
    made.forget(LABELS[1])
    for path in (made.receipt(), made.model / LEDGER, made.model / "preforget.json"):
        for word in LABELS[1].split():
            assert word.encode() not in path.read_bytes()
            assert word not in str(verify(made.receipt(), made.model, made.public_keys()).receipt.statement())


def test_a_receipt_still_holds_after_later_changes(made: Made) -> None:
    first = made.forget(LABELS[1]).receipt
    made.forget(LABELS[0])
    assert first is not None
    assert failed(made, first) == []


def test_a_file_that_came_back(made: Made) -> None:
    folder = made.open()
    (record,) = folder.find([LABELS[1]])[LABELS[1]]
    path = made.model / folder.name_of(record.id)
    content = path.read_bytes()
    made.forget(LABELS[1])
    for place in (path, made.model / "note.txt", made.model / "records" / "other"):
        place.write_bytes(content)
        assert failed(made) == ["bytes", "files", "pieces"]
        place.unlink()
    assert failed(made) == []


def test_a_receipt_of_another_erasure_or_model(made: Made, tmp_path: Path) -> None:
    made.forget(LABELS[1])
    other = Made(shutil.copytree(made.model, tmp_path / "other"), made.keyring)
    old = made.backup(tmp_path / "old")
    made.forget(LABELS[0])
    later = next(p for p in (made.model / "receipts").iterdir() if p.name != other.receipt().name)
    later = Path(shutil.copy(later, tmp_path / "later.json"))
    assert failed(other, later) == ["inclusion", "bytes"]  # replayed on a folder where it didn't happen
    made.put_back(old)
    assert failed(made, later) == ["inclusion", "bytes"]  # rolled back
    values = Manifest.read(made.model)
    assert values.model == Manifest.read(other.model).model


def test_another_model(made: Made, tmp_path: Path) -> None:
    from preforget.store import ModelFolder

    made.forget(LABELS[1])
    manifest = Manifest("isolated", "parametric", {}, Manifest.read(made.model).backbone, 0.9)
    ModelFolder.create(tmp_path / "other", manifest, [], {}, made.keyring)
    assert failed(Made(tmp_path / "other", made.keyring), made.receipt()) == ["model"]


def test_wrong_keys(made: Made, tmp_path: Path) -> None:
    made.forget(LABELS[1])
    stranger = open_keyring(tmp_path / "stranger")
    with pytest.raises(UsageError, match="no key to check the signature with"):
        trusted_keys([], stranger)
    stranger.signing.make()
    with pytest.raises(IntegrityError, match="not among the trusted keys"):
        verify(made.receipt(), made.model, trusted_keys([], stranger))


def test_what_is_no_receipt(made: Made, tmp_path: Path) -> None:
    made.forget(LABELS[1])
    with pytest.raises(StoreError, match="can't be read"):
        read_bounded(tmp_path / "none.json")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(IntegrityError, match="no receipt: larger than"):
        read_bounded(tmp_path / "large")
    with pytest.raises(IntegrityError):
        verify(made.model / "preforget.json", made.model, made.public_keys())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["ledger.sqlite3", "preforget.json", "shared.safetensors", "record", "receipt"]
)
def test_flipped_bits_are_found(made: Made, name: str) -> None:
    """Some bits, 250 with `PREFORGET_FUZZ=full`; all bits of receipt, manifest and ledger have tests beside them."""
    made.forget(LABELS[1])
    path = made.model / name
    if name == "record":
        path = next((made.model / "records").iterdir())
    elif name == "receipt":
        path = made.receipt()
    content, rng = path.read_bytes(), random.Random(name)
    bits = rng.sample(range(len(content) * 8), 250 if os.environ.get("PREFORGET_FUZZ") == "full" else 40)
    for bit in bits:
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(IntegrityError):
            look_at_everything(made)
    path.write_bytes(content)
    look_at_everything(made)


def look_at_everything(made: Made) -> None:
    found = verify(made.receipt(), made.model, made.public_keys())
    if not found.passed:
        raise IntegrityError("a check failed")
    folder = open_folder(made.model, made.keyring)
    folder.records()
    folder.shared()


def test_swapped_and_renamed_records_and_a_cut_ledger(made: Made) -> None:
    folder = made.open()
    one, two = ((made.model / folder.name_of(i)) for i in list(folder.manifest.records)[:2])
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    with pytest.raises(IntegrityError, match="its digest differs"):
        made.labels()
    one.write_bytes(first)
    two.write_bytes(second)
    two.rename(two.with_name("0" * 32 + two.suffix))
    with pytest.raises(IntegrityError, match="is incomplete"):
        made.labels()
    two.with_name("0" * 32 + two.suffix).rename(two)
    ledger = made.model / LEDGER
    content = ledger.read_bytes()
    ledger.write_bytes(content[:-4096])
    with pytest.raises(IntegrityError, match="ledger"):
        made.labels()
    ledger.write_bytes(content)
    assert made.labels() == LABELS


def test_a_byte_of_the_ledger_that_is_in_no_row_is_found(made: Made) -> None:
    """The manifest knows the digest of the whole file, and not only its last row."""
    made.forget(LABELS[1])
    ledger, receipt = made.model / LEDGER, made.receipt()
    content = bytearray(ledger.read_bytes())
    content[95] ^= 1  # SQLite's count of changes when its version was noted
    ledger.write_bytes(content)
    assert failed(made, receipt) == ["ledger"]


def test_a_ledger_of_before_is_refused(made: Made) -> None:
    ledger = made.model / LEDGER
    before = ledger.read_bytes()
    made.forget(LABELS[1])
    ledger.write_bytes(before)
    with pytest.raises(
        IntegrityError, match=r"lacks row 3, which the manifest knows|older than its keyring knows"
    ):
        made.labels()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_beside_a_process_that_forgets_nobody_gives_a_false_alarm(made: Made) -> None:
    """Who verifies waits; who reads waits, or is told to load again, and never to put anything back."""
    folder, names = made.open(), [f"c{number}" for number in range(8)]
    folder.change(add=[make_record(name, 3 + slot) for slot, name in enumerate(names)])
    made.forget(LABELS[1])
    receipt = made.receipt()
    child = os.fork()
    if child == 0:
        try:
            for name in names:
                made.forget(name)
            os._exit(0)
        finally:
            os._exit(1)
    seen = {"verified": 0, "read": 0, "changed": 0}
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        found = verify(receipt, made.model, made.public_keys())
        assert found.passed, found.checks
        seen["verified"] += 1
        folder = made.open()
        try:
            assert {record.label for record in folder.records()} >= {LABELS[0], LABELS[2]}
            seen["read"] += 1
        except ChangedError as error:
            assert "restore" not in str(error)  # noqa: PT017
            seen["changed"] += 1
    assert seen["verified"] >= 1
    assert made.labels() == [LABELS[0], LABELS[2]]


def test_verifying_waits_for_who_changes_the_folder(made: Made) -> None:
    made.forget(LABELS[1])
    receipt, done = made.receipt(), threading.Event()
    thread = threading.Thread(target=lambda: (verify(receipt, made.model, made.public_keys()), done.set()))
    with exclusive(made.model):
        thread.start()
        assert not done.wait(0.1)
    thread.join()
    assert done.is_set()


@pytest.mark.parametrize("where", ["records", "receipts", "."])
def test_a_piece_of_what_was_erased_is_found_in_any_file(made: Made, where: str) -> None:
    folder = made.open()
    (record,) = folder.find([LABELS[1]])[LABELS[1]]
    content = folder.read_file(record.id)
    made.forget(LABELS[1])
    receipt, piece = made.receipt(), content[:-1]  # not the whole file, whose digest would tell
    for name in ("x.json", "0" * 32 + ".sealed"):
        planted = made.model / where / name
        planted.write_bytes(b"before" + piece)
        assert failed(made, receipt) == ["files", "pieces"]
        planted.unlink()
    assert failed(made) == []


def test_a_piece_at_the_end_of_another_record_is_found(made: Made) -> None:
    folder = made.open()
    (record,) = folder.find([LABELS[1]])[LABELS[1]]
    content = folder.read_file(record.id)
    made.forget(LABELS[1])
    other = next((made.model / "records").iterdir())
    other.write_bytes(other.read_bytes() + content)
    assert failed(made) == ["files", "pieces"]


def test_a_record_that_was_changed_or_a_foreign_file_is_found(made: Made) -> None:
    made.forget(LABELS[1])
    other = next((made.model / "records").iterdir())
    content = other.read_bytes()
    other.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert failed(made) == ["files"]
    other.write_bytes(content)
    (made.model / "notes.txt").write_bytes(b"")
    assert failed(made) == ["files"]


def test_a_row_that_somebody_added_is_found_with_the_keyring(made: Made) -> None:
    made.forget(LABELS[1])
    folder, ring = made.open(), open_keyring(made.keyring)
    if folder.keys is None:
        pytest.skip("who may write to a plain folder can rewrite it")
    assert verify(made.receipt(), made.model, made.public_keys(), ring).passed
    changed = replace(folder.manifest, keep=0.5)
    row = folder.ledger.append("keep", {"keep": "0.5", "state": changed.state()})
    digest = SqliteLedger(made.model / LEDGER).digest()
    replace(changed, ledger={**row.head.as_dict(), "digest": digest}).write(made.model)
    assert verify(made.receipt(), made.model, made.public_keys()).passed  # nobody can know without it
    found = verify(made.receipt(), made.model, made.public_keys(), ring)
    assert [check["name"] for check in found.checks if not check["passed"]] == ["rows"]


def test_a_destroyed_key_that_is_back_in_the_keyring_is_found(made: Made, tmp_path: Path) -> None:
    if not made.open().manifest.sealed:
        pytest.skip("a plain model has no keys")
    before = shutil.copytree(made.keyring, tmp_path / "before")
    made.forget(LABELS[1])
    ring = open_keyring(made.keyring)
    found = verify(made.receipt(), made.model, ring.signing.known(), ring)
    assert found.passed
    assert [check["name"] for check in found.checks][-1] == "keys"
    keys = next(made.keyring.glob("*.keys"))
    shutil.copy(before / keys.name, keys)  # from a backup
    ring = open_keyring(made.keyring)
    found = verify(made.receipt(), made.model, ring.signing.known(), ring)
    assert [check["name"] for check in found.checks if not check["passed"]] == ["keys"]
    other = verify(made.receipt(), made.model, ring.signing.known(), open_keyring(tmp_path / "other"))
    assert other.passed
    assert other.skipped == ["keys: the keyring of the model is not here; name it with --keyring"]


def test_another_receipt_that_was_changed_in_the_folder_is_found(made: Made) -> None:
    made.forget(LABELS[1])
    receipt = made.receipt()
    made.forget(LABELS[0])
    (other,) = {*receipt.parent.iterdir()} - {receipt}
    other.write_bytes(other.read_bytes()[:-1])
    assert failed(made, receipt) == ["receipts"]


def test_a_receipt_of_an_earlier_version_has_no_pieces_to_look_for(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("preforget.erasure.transaction.fingerprints", lambda _: [])
        made.forget(LABELS[1])
    found = verify(made.receipt(), made.model, made.public_keys())
    assert found.passed
    assert found.skipped[0].startswith("pieces: the ledger has no fingerprints")
