"""What may be destroyed: nothing by what anybody may have written into a folder, without evidence of the keyring.

Announcements and receipts, which an erasure writes, are tried in tests/erasure/test_authority.py, and whole folders
that were forged in tests/erasure/test_forged_folders.py.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from preforget.core.errors import IntegrityError
from preforget.store import ModelFolder
from preforget.store.authority import (
    check_erasing,
    check_is_attempt,
    check_made_for,
    check_may_begin,
    check_may_destroy_again,
    may_go,
)
from preforget.store.consistency import recover
from preforget.store.head import Head
from preforget.store.keyring import open_keyring
from preforget.store.layout import LEDGER
from preforget.store.ledger_sqlite import SqliteLedger

from .conftest import MakeFolder, make_record

LABELS = ["Ada", "Grace"]


def test_a_manifest_of_two_changes_ago_lets_erase_nothing(make_folder: MakeFolder) -> None:
    """A change that was cut off leaves one row more than the manifest knows, so two rows are no such change."""
    folder = make_folder(*LABELS)
    first, live = folder.manifest, set(folder.manifest.records)
    folder.change(add=[make_record("Mary", 2)])
    (mary,) = set(folder.manifest.records) - live
    second = folder.manifest
    folder.change(add=[make_record("Emmy", 3)])
    (emmy,) = set(folder.manifest.records) - set(second.records)
    replace(first, erasing=[folder.name_of(mary)]).write(folder.path)
    with pytest.raises(IntegrityError, match="lets erase files but is not the one that the ledger knows"):
        ModelFolder.open(folder.path)
    assert (folder.path / folder.name_of(mary)).exists()
    # as a change leaves it that was cut off
    replace(second, erasing=[folder.name_of(emmy)]).write(folder.path)
    assert set(ModelFolder.open(folder.path).manifest.records) == {*live, mary}
    assert not (folder.path / folder.name_of(emmy)).exists()


def test_no_key_goes_by_a_row_that_the_keyring_does_not_know(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    folder.seal()
    keys, (gone, stays) = open_keyring().model(folder.manifest.model), sorted(folder.manifest.records)
    left = replace(
        folder.manifest, records={stays: folder.manifest.records[stays]}, erasing=[folder.name_of(gone)]
    )
    row = folder.ledger.append("add", {"records": [], "removed": [{"id": gone}], "state": left.state()})
    content = SqliteLedger(folder.path / LEDGER).digest()
    folder.manifest = replace(left, ledger={**row.head.as_dict(), "digest": content})
    folder.manifest.write(folder.path)
    assert not check_erasing(folder)
    with pytest.raises(IntegrityError, match="doesn't know"):
        recover(folder)
    with pytest.raises(IntegrityError, match=r"row 3 .* was not written with the keyring"):
        ModelFolder.open(folder.path)
    assert (keys.destroyed(), set(keys.get([gone, stays]))) == ({}, {gone, stays})
    keys.note_head(row.head)
    ModelFolder.open(folder.path)
    assert set(keys.destroyed()) == {gone}


def test_what_a_manifest_calls_erasing_takes_no_key_along_by_itself(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    folder.seal()
    first, second = sorted(folder.manifest.records)
    assert may_go(folder) == set()
    assert folder.keys is not None
    folder.keys.create(["0" * 32])  # for a change that never ended
    assert may_go(folder) == {"0" * 32}
    folder.change(erase=[first])
    assert may_go(folder) >= {first}
    assert second not in may_go(folder)


def test_erased_before_is_what_the_keyring_or_a_receipt_of_its_says(make_folder: MakeFolder) -> None:
    folder = make_folder(*LABELS)
    folder.seal()
    first, second = sorted(folder.manifest.records)
    asked: list[None] = []

    def signed() -> set[str]:
        asked.append(None)
        return {first}

    check_may_destroy_again(folder, [], signed)
    assert not asked  # receipts are read only if they are needed
    check_may_destroy_again(folder, [first], signed)
    for ids in ([second], [first, second]):
        with pytest.raises(IntegrityError, match="neither knows that row nor signed a receipt"):
            check_may_destroy_again(folder, ids, signed)


def test_an_announcement_that_cannot_be_read_prevents_none(make_folder: MakeFolder) -> None:
    def damaged() -> None:
        raise IntegrityError("damaged")

    folder = make_folder(*LABELS)
    check_may_begin(folder, damaged)
    check_may_begin(folder, lambda: None)


def test_keys_of_an_attempt_and_no_others_go() -> None:
    check_is_attempt(["a"], {}, None, ["a", "b"], "here")
    for keys, destroyed, noted in ((["c"], {}, None), (["a"], {"b": "e"}, None), (["a"], {}, Head(1, "x"))):
        with pytest.raises(IntegrityError, match="a sealed copy of this model lives by"):
            check_is_attempt(keys, destroyed, noted, ["a", "b"], "here")
    check_made_for("one", "one", "model", "here")
    with pytest.raises(IntegrityError, match="made for another place"):
        check_made_for("one", "other", "model", "here")
