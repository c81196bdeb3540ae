"""A keyring is moved whole or not at all, and never over another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from preforget.core.canonical import canonical_json
from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.store.key_backup import back_up, put_back, read_backup
from preforget.store.key_file import FileKeyring

from .test_keyring_lock import MODEL, OLD, ONE, contents, fill, killed_at


@pytest.mark.parametrize("passphrase", [None, OLD])
def test_a_keyring_is_moved_with_all_that_it_holds(tmp_path: Path, passphrase: str | None) -> None:
    fill(tmp_path / "here", passphrase)
    ring = FileKeyring(tmp_path / "here", (lambda: passphrase) if passphrase else None)
    ring.signing.rotate()
    ring.model(MODEL).destroy(["2" * 32], "e1")
    (tmp_path / "here" / ".writing-left").touch()
    made = back_up(ring, tmp_path / "backup")
    assert read_backup(tmp_path / "backup") == made
    assert made.models == ring.models()
    put_back(made, tmp_path / "far" / "there")
    assert contents(tmp_path / "far" / "there", OLD) == contents(tmp_path / "here", OLD)
    there = FileKeyring(tmp_path / "far" / "there", lambda: OLD)
    assert list(there.signing.known()) == list(ring.signing.known())
    assert there.model(MODEL).destroyed() == {"2" * 32: "e1"}
    kept = {
        p.relative_to(tmp_path / "here").as_posix() for p in (tmp_path / "here").rglob("*") if p.is_file()
    }
    assert set(made.files) == kept


def test_killed_at_any_point_the_keyring_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    fill(tmp_path / "here", None)
    made = back_up(FileKeyring(tmp_path / "here"), tmp_path / "backup")
    for number in range(100):
        there = tmp_path / "far" / "there"
        done = killed_at(number, lambda there=there: put_back(made, there))  # type: ignore[misc]
        assert not there.exists() or contents(there, OLD) == contents(tmp_path / "here", OLD)
        if done or there.exists():
            break
    assert number > 5
    assert there.exists()
    assert [path.name for path in there.parent.iterdir()] == ["there"]  # no keys of the killed ones are left


def test_keys_that_are_there_are_never_replaced(tmp_path: Path) -> None:
    fill(tmp_path / "here", None)
    ring = FileKeyring(tmp_path / "here")
    made = back_up(ring, tmp_path / "backup")
    ring.model(MODEL).destroy([ONE], "e1")
    with pytest.raises(UsageError, match="keys that are there are never replaced"):
        put_back(made, tmp_path / "here")
    assert ring.model(MODEL).destroyed() == {ONE: "e1"}
    (tmp_path / "empty").mkdir()
    put_back(made, tmp_path / "empty")
    for target, message in (
        (tmp_path / "backup", "is there already"),
        (tmp_path / "no" / "backup", "does not exist"),
        (tmp_path / "here" / "backup", "lies in the keyring itself"),
    ):
        with pytest.raises(UsageError, match=message):
            back_up(ring, target)
    with pytest.raises(UsageError, match="there is no keyring"):
        back_up(FileKeyring(tmp_path / "none"), tmp_path / "other")


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "here", None)
    back_up(FileKeyring(tmp_path / "here"), tmp_path / "backup")
    content = (tmp_path / "backup").read_bytes()
    for bit in range(0, 8 * len(content), 97):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        (tmp_path / "backup").write_bytes(changed)
        with pytest.raises(IntegrityError, match="is no backup of a keyring as it was written"):
            read_backup(tmp_path / "backup")
    values = json.loads(content)
    values["files"]["../out"] = values["files"].pop(f"{MODEL}.keys")
    for other in (b"", b"[]", b"null", canonical_json(values)):
        (tmp_path / "backup").write_bytes(other)
        with pytest.raises(IntegrityError, match="is no backup"):
            read_backup(tmp_path / "backup")
    with pytest.raises(StoreError, match="can't be read"):
        read_backup(tmp_path)
