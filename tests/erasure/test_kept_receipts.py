"""A receipt in a model folder that is not the one that was signed there is found on opening."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from preforget.core.canonical import canonical_json
from preforget.core.errors import IntegrityError
from preforget.erasure.kept_receipts import check_kept_receipts
from preforget.store import Manifest, ModelFolder
from preforget.store.keyring import open_keyring

from .conftest import LABELS, Made


def check(made: Made, *, keys: bool) -> int:
    known = open_keyring(made.keyring).signing.known() if keys else {}
    folder = made.open()
    return check_kept_receipts(made.model, folder.ledger.entries(), known)


def test_receipts_are_those_that_the_ledger_knows(made: Made, tmp_path: Path) -> None:
    assert check(made, keys=True) == 0
    made.forget(LABELS[1])
    made.receipt().rename(tmp_path / "kept elsewhere")
    assert check(made, keys=True) == 0
    made.forget(LABELS[0])
    assert check(made, keys=True) == check(made, keys=False) == 1


def test_a_changed_bit_is_found_on_opening(made: Made) -> None:
    made.forget(LABELS[1])
    path = made.receipt()
    content, rng = path.read_bytes(), random.Random(0)
    for bit in rng.sample(range(len(content) * 8), 40):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(IntegrityError, match=r"not the receipt that the ledger knows.*move it away"):
            made.open()
    path.write_bytes(content)
    made.open()


def test_another_receipt_in_its_place(made: Made) -> None:
    made.forget(LABELS[1])
    first = made.receipt()
    made.forget(LABELS[0])
    (second,) = {*first.parent.iterdir()} - {first}
    first.write_bytes(second.read_bytes())
    with pytest.raises(IntegrityError, match="it is another one"):
        made.open()


def test_a_signature_is_checked_where_its_key_is_known(made: Made) -> None:
    made.forget(LABELS[1])
    path = made.receipt()
    values = json.loads(path.read_bytes())
    values["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    path.write_bytes(canonical_json(values) + b"\n")
    with pytest.raises(IntegrityError, match="not the receipt that the ledger knows"):
        made.open()
    known = open_keyring(made.keyring).signing.known()
    rows = list(ModelFolder(made.model, Manifest.read(made.model), made.keyring).ledger.entries())
    old = [replace(e, data={n: v for n, v in e.data.items() if n != "file"}) for e in rows]
    with pytest.raises(IntegrityError, match="not the receipt that the ledger knows"):
        check_kept_receipts(made.model, old, known)
    assert check_kept_receipts(made.model, old, {}) == 1  # of an earlier version, and nobody's key is known
