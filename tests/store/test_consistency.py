"""Files, ledger, manifest and keyring must tell the same story."""

from __future__ import annotations

from dataclasses import replace

import pytest

from preforget.core.errors import IntegrityError
from preforget.store import Manifest, ModelFolder
from preforget.store.consistency import (
    check,
    is_ahead,
    recover,
    undo,
)
from preforget.store.keyring import open_keyring
from preforget.store.layout import LEDGER

from .conftest import MakeFolder, make_record

LABELS = ["Ada", "Grace"]


def test_a_folder_that_is_as_it_was_written(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS, shared=True)
    folder.change(add=[make_record("Mary", 2)])
    assert [entry.event for entry in check(folder)] == ["learn", "add"]
    assert not is_ahead(folder)
    recover(folder)
    assert len(check(folder)) == 2


def test_a_row_without_its_change_is_said_to_be_undone(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    folder.ledger.append("detach", {"state": "sha256:0"})
    assert is_ahead(folder)
    with pytest.raises(IntegrityError, match="does not end where the manifest says"):
        check(folder)
    recover(folder)
    assert not is_ahead(folder)
    last = check(folder)[-1]
    assert (last.event, last.data["rows"]) == ("undone", [2])
    folder.ledger.append("detach", {"state": "sha256:0"})
    folder.ledger.append("attach", {"state": "sha256:0"})
    undo(folder)
    assert check(folder)[-1].data["rows"] == [4, 5]


def test_a_manifest_that_the_ledger_does_not_know(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    replace(folder.manifest, keep=0.5).write(folder.path)
    with pytest.raises(IntegrityError, match="is not the one that the ledger knows"):
        ModelFolder.open(folder.path)


def test_a_byte_of_the_ledger_that_no_one_reads(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    path = folder.path / LEDGER
    content = bytearray(path.read_bytes())
    content[95] ^= 1  # the version of SQLite that wrote last
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="ledger"):
        ModelFolder.open(folder.path)


def test_a_ledger_of_before(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    before = (folder.path / LEDGER).read_bytes()
    folder.change(add=[make_record("Mary", 2)])
    (folder.path / LEDGER).write_bytes(before)
    with pytest.raises(IntegrityError, match="lacks row 2, which the manifest knows"):
        recover(folder)


def test_a_sealed_folder_that_is_older_than_its_keyring(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    folder.seal()
    keys = open_keyring().model(folder.manifest.model)
    keys.note_head(replace(folder.ledger.head(), seq=9))
    with pytest.raises(IntegrityError, match="row 9 is not in its ledger; end this with: preforget restore"):
        ModelFolder.open(folder.path)
    assert Manifest.read(folder.path) == folder.manifest


def test_what_the_manifest_lets_erase_is_not_believed(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    folder.seal()
    keys = open_keyring().model(folder.manifest.model)
    before, live = folder.manifest, sorted(folder.manifest.records)
    folder.change(add=[make_record("Mary", 2)])
    (mary,) = set(folder.manifest.records) - set(live)
    folder.set_detached([mary])
    less = {i: digest for i, digest in folder.manifest.records.items() if i != live[0]}
    for hostile in (
        replace(folder.manifest, records=less, detached=[], erasing=[folder.name_of(live[0])]),
        replace(folder.manifest, records={}, detached=[], erasing=[folder.name_of(i) for i in live]),
        replace(before, erasing=[folder.name_of(mary)]),  # what it was before an adding
    ):
        hostile.write(folder.path)
        with pytest.raises(
            IntegrityError,
            match=r"lets erase files but is not the one that the ledger knows|is an earlier one",
        ):
            ModelFolder.open(folder.path)
    folder.manifest.write(folder.path)
    assert (keys.destroyed(), len(ModelFolder.open(folder.path).records())) == ({}, 3)
