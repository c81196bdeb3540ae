"""Folders that earlier versions wrote open, answer as they did then, forget, and their receipts hold.

`scripts/golden_folders.py` wrote them. The keys in their keyrings are public: a signature by them proves nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.engines import ENGINES
from preforget.erasure.verify import verify_receipt

from .folders import FORMAT_2, FORMAT_3, copied

FOLDERS = sorted(path.parent for path in FORMAT_2.glob("*/model"))


def test_all_engines_of_format_2_are_here() -> None:
    kinds = {path.name.rsplit("-", 1)[0] for path in FOLDERS}
    plain = {"isolated", "exact", "paper", "isolated-several", "exact-several"}
    assert kinds == plain | {"isolated-scored", "exact-prompted"}
    assert len(FOLDERS) == 14


def engine_of(golden: Path) -> str:
    """Return the engine of a golden folder, whose name also says what else it shows."""
    name = golden.name.rsplit("-", 1)[0]
    return name.removesuffix("-scored").removesuffix("-prompted")


@pytest.mark.parametrize("golden", FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_an_old_folder(golden: Path, tmp_path: Path) -> None:
    place = copied(golden, tmp_path / "golden")
    folder, keyring = place / "model", place / "keyring"
    (old_receipt,) = (folder / "receipts").iterdir()
    assert verify_receipt(old_receipt, folder, keyring=keyring).passed
    model = PreForgettableClassifier.from_pretrained(
        folder, backbone=str(golden.parent / "backbone"), device="cpu", keyring=keyring
    )
    assert ENGINES[engine_of(golden)] is type(model.engine_)
    if golden.name.startswith("isolated-scored"):
        assert any("scores" in record.tensors for record in model.engine_.records())
    assert bool(model.engine_.prompted) == golden.name.startswith("exact-prompted")
    expected = np.load(golden / "expected.npz")
    assert model.labels == expected["labels"].tolist() == ["ant", "bee", "cat"]
    inputs = expected["inputs"]
    scores = model.scores(inputs)
    np.testing.assert_allclose(scores, expected["scores"], rtol=1e-4, atol=1e-4)
    assert [repr(answer) for answer in model.predict(inputs).tolist()] == expected["answers"].tolist()
    erasure = model.forget("bee", reason="request 8")
    assert erasure.meaning == type(model.engine_).meaning
    assert erasure.receipt is not None
    for receipt in (old_receipt, erasure.receipt):
        assert verify_receipt(receipt, folder, keyring=keyring).passed
    again = PreForgettableClassifier.from_pretrained(
        folder, backbone=str(golden.parent / "backbone"), device="cpu", keyring=keyring
    )
    assert again.labels == ["ant", "cat"]
    np.testing.assert_array_equal(again.scores(inputs), model.scores(inputs))


@pytest.mark.parametrize("kind", ["plain", "sealed"])
def test_a_person_goes_from_an_old_folder(kind: str, tmp_path: Path) -> None:
    place = copied(FORMAT_2 / f"exact-{kind}", tmp_path / "golden")
    model = PreForgettableClassifier.from_pretrained(
        place / "model",
        backbone=str(FORMAT_2 / "backbone"),
        device="cpu",
        keyring=place / "keyring",
    )
    erasure = model.forget_subject("person 1")
    assert (erasure.what, erasure.classes_left, erasure.derived) == ("subject", 3, 3)
    assert erasure.receipt is not None
    assert verify_receipt(erasure.receipt, place / "model", keyring=place / "keyring").passed


@pytest.mark.parametrize("kind", ["plain", "sealed"])
def test_persons_in_packs_of_format_3(kind: str, tmp_path: Path) -> None:
    place = copied(FORMAT_3 / f"exact-packs-{kind}", tmp_path / "golden")
    folder, keyring = place / "model", place / "keyring"
    (old_pack,) = (folder / "packs").iterdir()
    (old_receipt,) = (folder / "receipts").iterdir()
    assert verify_receipt(old_receipt, folder, keyring=keyring).passed
    model = PreForgettableClassifier.from_pretrained(folder, keyring=keyring)
    expected = np.load(FORMAT_3 / f"exact-packs-{kind}" / "expected.npz")
    np.testing.assert_allclose(model.scores(expected["inputs"]), expected["scores"], rtol=1e-9, atol=1e-9)
    assert "person 00" not in model.engine_.bank.subjects
    erasure = model.forget_subject("person 01", reason="request 8")
    assert erasure.receipt is not None
    for receipt in (old_receipt, erasure.receipt):
        assert verify_receipt(receipt, folder, keyring=keyring).passed
    assert not old_pack.exists()
    again = PreForgettableClassifier.from_pretrained(folder, keyring=keyring)
    assert again.engine_.bank.subjects == [f"person {number:02}" for number in range(2, 66)]
    np.testing.assert_array_equal(again.scores(expected["inputs"]), model.scores(expected["inputs"]))
