"""What a receipt proves of a folder, and that nothing that was tampered with passes."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.erasure import open_folder
from preforget.erasure.dsse import MAX_BYTES
from preforget.erasure.verify import read_bounded, trusted_keys, verify, verify_receipt
from preforget.store import Manifest
from preforget.store.keyring import open_keyring
from preforget.store.layout import LEDGER

from .conftest import LABELS, Made


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
    assert names == ["signature", "schema", "model", "ledger", "inclusion", "receipt", "bytes"]
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
        assert failed(made) == ["bytes"]
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


def test_a_ledger_of_before_is_refused(made: Made) -> None:
    ledger = made.model / LEDGER
    before = ledger.read_bytes()
    made.forget(LABELS[1])
    ledger.write_bytes(before)
    with pytest.raises(
        IntegrityError, match=r"lacks row 3, which the manifest knows|older than its keyring knows"
    ):
        made.labels()
