"""Folders of format 2 become ones of format 3, keep every record, and can be cut off at any line."""

from __future__ import annotations

import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from preforget.classifier.unfinished import clear_leftovers
from preforget.core.errors import UsageError
from preforget.erasure import open_folder
from preforget.erasure.copies import add_copy
from preforget.erasure.upgrading import upgrade
from preforget.store.keyring import open_keyring
from preforget.store.manifest import FORMAT

from ..classifier.cuts import Cut, Tracer
from .test_kills import limited

GOLDEN = Path(__file__).parents[1] / "golden" / "format2"


def copied(name: str, to: Path) -> tuple[Path, Path]:
    """Copy a golden folder and its keyring; git keeps no modes, and a keyring that others may read is refused."""
    place = Path(shutil.copytree(GOLDEN / name, to))
    for path in (place / "keyring").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return place / "model", place / "keyring"


@pytest.mark.parametrize("name", sorted(path.parent.name for path in GOLDEN.glob("*/model")))
def test_every_record_stays_and_the_folder_as_it_was_is_a_listed_copy(name: str, tmp_path: Path) -> None:
    path, keyring = copied(name, tmp_path / "place")
    before = open_folder(path, keyring).manifest
    files = {f.name: f.read_bytes() for f in (path / "records").iterdir()}
    done = upgrade(path, keyring)
    assert (done.before, done.after, done.backup) == (2, FORMAT, path.with_name("model.format2"))
    folder = open_folder(path, keyring)
    assert folder.manifest.records == before.records
    assert {f.name: f.read_bytes() for f in (path / "records").iterdir()} == files
    assert [row.event for row in folder.ledger.entries()][-2:] == ["copy", "upgrade"]
    folder.ledger.verify()
    (copy,) = folder.manifest.copies.values()
    assert (copy["kind"], copy["place"], copy["delete"]) == ("export", str(done.backup), True)
    assert done.backup is not None
    assert {f.name: f.read_bytes() for f in (done.backup / "records").iterdir()} == files
    assert upgrade(path, keyring).backup is None


def test_something_else_in_the_backups_place_is_left_alone(tmp_path: Path) -> None:
    path, keyring = copied("exact-plain", tmp_path / "place")
    (tmp_path / "taken").mkdir()
    with pytest.raises(UsageError, match="exists; give another place"):
        upgrade(path, keyring, tmp_path / "taken")
    assert open_folder(path, keyring).manifest.format == 2


@pytest.mark.parametrize("name", ["exact-sealed", "isolated-plain"])
def test_cut_off_anywhere_it_is_of_one_format_or_the_other_and_goes_on(name: str, tmp_path: Path) -> None:
    tracer = Tracer(None)
    path, keyring = copied(name, tmp_path / "whole")
    sys.settrace(tracer)
    try:
        upgrade(path, keyring)
    finally:
        sys.settrace(None)
    for number, line in enumerate(random.Random(0).sample(range(1, tracer.lines), 6)):
        path, keyring = copied(name, tmp_path / f"cut {number}")
        records = open_folder(path, keyring).manifest.records
        child = os.fork()
        if child == 0:
            sys.settrace(Tracer(line))
            try:
                upgrade(path, keyring)
            except Cut:
                os._exit(1)  # nothing is cleaned up, as if it had been killed
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        folder = open_folder(path, keyring)
        assert folder.manifest.records == records
        backup = path.with_name("model.format2")
        if folder.manifest.format == FORMAT or backup.exists():
            assert str(backup) in {copy["place"] for copy in folder.manifest.copies.values()}
        upgrade(path, keyring)
        folder = open_folder(path, keyring)
        assert (folder.manifest.format, folder.manifest.records) == (FORMAT, records)
        assert backup.exists()
        folder.ledger.verify()


def test_another_command_beside_takes_a_backup_that_is_being_written_for_no_leftover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, keyring = copied("isolated-plain", tmp_path / "place")
    told = list[str]()
    copytree = shutil.copytree

    def copy_beside_another_command(*args: Any, **options: Any) -> Any:
        clear_leftovers(path.parent, lambda: open_keyring(keyring), told.append)
        done = copytree(*args, **options)
        clear_leftovers(path.parent, lambda: open_keyring(keyring), told.append)
        return done

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copytree", copy_beside_another_command)
        backup = upgrade(path, keyring).backup
    assert (backup, told) == (path.with_name("model.format2"), [])
    assert backup is not None
    assert len(list((backup / "records").iterdir())) == len(open_folder(path, keyring).manifest.records)


def test_a_link_in_the_backups_place_is_left_alone(tmp_path: Path) -> None:
    path, keyring = copied("isolated-plain", tmp_path / "place")
    place = path.with_name("model.format2")
    add_copy(open_folder(path, keyring), "export", str(place), delete=True)
    shutil.copytree(path, tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="exists; give another place"):
        upgrade(path, keyring)
    assert open_folder(tmp_path / "elsewhere", keyring).manifest.format == 2


def test_a_full_disk_leaves_no_unfinished_backup(tmp_path: Path) -> None:
    path, keyring = copied("isolated-plain", tmp_path / "place")
    add_copy(open_folder(path, keyring), "export", str(path.with_name("model.format2")), delete=True)
    assert limited(lambda: upgrade(path, keyring), 10_000) == 1  # the ledger is larger
    assert sorted(p.name for p in path.parent.iterdir()) == ["expected.npz", "keyring", "model"]
    assert upgrade(path, keyring).before == 2
