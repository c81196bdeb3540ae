"""Whoever has the folder of a sealed model alone adds no row to its ledger, and puts no earlier manifest back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from preforget.core.errors import IntegrityError, StoreError
from preforget.store import Manifest, ModelFolder
from preforget.store.authority import check_may_restore
from preforget.store.confirmation import is_signed, known_to_keyring
from preforget.store.keyring import open_keyring
from preforget.store.layout import LEDGER
from preforget.store.ledger import Entry, Sign
from preforget.store.ledger_sqlite import SqliteLedger

from ..golden.folders import FORMAT_2, copied
from .conftest import MakeFolder, make_record

LABELS = ["Ada", "Grace"]


@pytest.fixture
def sealed(make_folder: MakeFolder) -> ModelFolder:
    folder = make_folder(*LABELS)
    folder.seal()
    return folder


def add_row(folder: ModelFolder, event: str, sign: Sign | None = None, **changes: Any) -> Entry:
    """Add a row, and a manifest that fits it, as somebody can who has the folder alone."""
    manifest = Manifest.read(folder.path)
    changed = replace(manifest, generation=manifest.generation + 1, **changes)
    row = folder.ledger.append(event, {"records": [], "state": changed.state()}, sign=sign)
    digest = SqliteLedger(folder.path / LEDGER).digest()
    replace(changed, ledger={**row.head.as_dict(), "digest": digest}).write(folder.path)
    return row


def test_every_row_of_a_sealed_model_is_signed(sealed: ModelFolder) -> None:
    sealed.set_detached([min(sealed.manifest.records)])
    sealed.change(add=[make_record("Mary", 2)])
    learn, *rows = sealed.ledger.entries()
    assert not learn.signature  # it wasn't sealed then
    assert [row.event for row in rows if is_signed(sealed, row)] == ["seal", "detach", "add"]
    assert not is_signed(sealed, replace(rows[0], time=rows[1].time))
    assert not is_signed(sealed, replace(rows[0], data={**rows[0].data, "signature": "no base64"}))


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize(
    ("event", "changes"),
    [("attach", {"detached": []}), ("keep", {"keep": 0.5}), ("copy", {"copies": {}}), ("undone", {})],
)
def test_a_row_that_a_stranger_adds_is_not_followed(
    sealed: ModelFolder, event: str, changes: dict[str, Any], copied: bool
) -> None:
    sealed.set_detached([min(sealed.manifest.records)])
    row = add_row(sealed, event, **changes)
    if copied:  # the signature of another row says nothing of this one
        before = list(sealed.ledger.entries())[-2]
        assert not is_signed(sealed, replace(row, data={**row.data, "signature": before.data["signature"]}))
    with pytest.raises(IntegrityError, match=r"row 4 .* was not written with the keyring"):
        ModelFolder.open(sealed.path)
    with pytest.raises(StoreError):
        sealed.set_keep(0.7, {})  # nor does whoever has it loaded follow it
    for accept in (None, lambda rows: None):
        with pytest.raises(IntegrityError, match=r"row 4 .* was not written with the keyring"):
            check_may_restore(ModelFolder(sealed.path, Manifest.read(sealed.path)), accept)


def test_the_manifest_of_before_the_last_change_is_not_taken_back(sealed: ModelFolder) -> None:
    before = sealed.manifest
    sealed.set_detached([min(before.records)])
    before.write(sealed.path)
    with pytest.raises(IntegrityError, match=r"of row 2 of its ledger.*is an earlier one"):
        ModelFolder.open(sealed.path)
    older = Path(shutil.copytree(open_keyring().place, sealed.path.parent / "older"))
    sealed.manifest.write(sealed.path)
    sealed.set_keep(0.5, {})
    sealed.set_keep(0.6, {})
    sealed.set_keep(0.7, {})
    before = replace(before, ledger=replace(sealed.manifest).ledger)
    ModelFolder.open(sealed.path, older)  # an older keyring believes what it signed


@pytest.mark.parametrize("method", ["adopt_head", "_write"])
def test_a_change_that_was_cut_off_is_recognised_as_ones_own(
    sealed: ModelFolder, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    keys = sealed.keys
    assert keys is not None

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for number in (3, 5):
        with monkeypatch.context() as patch:
            patch.setattr(ModelFolder, method, die)
            with pytest.raises(KeyboardInterrupt):
                sealed.set_keep(0.5, {})
        assert known_to_keyring(sealed, number)
        sealed = ModelFolder.open(sealed.path)
        assert (sealed.manifest.keep, keys.head()) == (0.95, sealed.ledger.head())
    with monkeypatch.context() as patch:
        patch.setattr(type(keys), "note_head", die)
        with pytest.raises(KeyboardInterrupt):
            sealed.set_keep(0.5, {})
    assert ModelFolder.open(sealed.path).manifest.keep == 0.5
    assert keys.head() == sealed.ledger.head()


def test_a_model_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    """Its rows are not signed; up to the one that the keyring noted they are confirmed."""
    place = copied(FORMAT_2 / "isolated-sealed", tmp_path / "golden")
    folder = ModelFolder.open(place / "model", place / "keyring")
    folder.set_keep(0.6, {})
    assert [bool(row.signature) for row in folder.ledger.entries()] == [False, False, False, True]
    assert ModelFolder.open(place / "model", place / "keyring").manifest.keep == 0.6
    add_row(folder, "keep", keep=0.7)
    with pytest.raises(IntegrityError, match=r"row 5 .* was not written with the keyring"):
        ModelFolder.open(place / "model", place / "keyring")


def test_a_row_signed_by_a_former_key_is_taken_only_by_who_restores_and_says_so(
    sealed: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stole a signing key before it was rotated can add nothing."""

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(open_keyring().model(sealed.manifest.model).__class__, "note_head", die)
        with pytest.raises(KeyboardInterrupt):
            sealed.set_keep(0.5, {})
    sealed.keyring.signing.rotate()
    with pytest.raises(
        IntegrityError, match=r"row 3 .*signing key was rotated meanwhile, run: preforget restore"
    ):
        ModelFolder.open(sealed.path)
    folder = ModelFolder(sealed.path, Manifest.read(sealed.path))
    with pytest.raises(IntegrityError, match=r"row 3 .*restore MODEL --unconfirmed"):
        check_may_restore(folder)
    assert check_may_restore(folder, lambda rows: None)


def test_a_former_key_adds_nothing_after_the_current_one_has_signed(sealed: ModelFolder) -> None:
    """The stolen key of before a rotation; the rows before it are confirmed by the row of the current key."""
    thief = open_keyring().signing.current().sign
    open_keyring().signing.rotate()
    sealed.set_keep(0.5, {})
    assert not check_may_restore(ModelFolder(sealed.path, Manifest.read(sealed.path)))
    row = add_row(sealed, "attach", sign=thief, keep=0.7)
    folder = ModelFolder(sealed.path, Manifest.read(sealed.path))
    assert is_signed(folder, row, former=True)
    for accept in (None, lambda rows: None):
        with pytest.raises(IntegrityError, match=r"row 4 .* was not written with the keyring") as refused:
            check_may_restore(folder, accept)
        assert "--unconfirmed" not in str(refused.value)  # it would be refused, too
