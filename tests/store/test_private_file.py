"""How private files are read and changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from preforget.core.errors import StoreError
from preforget.store.private_file import changing, read_private

from .conftest import ordinary_user


def test_private_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert read_private(path) is None
    path.touch(0o600)
    path.write_bytes(b"x")
    assert read_private(path) == b"x"
    for mode in (0o640, 0o604, 0o700, 0o660, 0o4600):
        path.chmod(mode)
        with pytest.raises(StoreError, match=f"make it private with: chmod 600 {path}"):
            read_private(path)


def test_links_pipes_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").touch(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    for name in ("link", "dangling"):
        with pytest.raises(StoreError, match=f"{name} is a symbolic link"):
            read_private(tmp_path / name)
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(0o700)
    for name in ("pipe", "folder"):
        with pytest.raises(StoreError, match=f"{name} is no file"):
            read_private(tmp_path / name)
    with pytest.raises(StoreError, match="can't be read"):
        read_private(tmp_path / "a" / "b")


def test_files_that_may_not_be_read_or_written_give_a_clear_error() -> None:
    with ordinary_user() as folder:
        (folder / "a").touch(0o200)
        with pytest.raises(StoreError, match="a can't be read: Permission denied; make it readable"):
            read_private(folder / "a")
        folder.chmod(0o500)
        for place in (folder / "new", folder):
            with (
                pytest.raises(StoreError, match=r"keyring .* can't be written: .*--keyring"),
                changing(place),
            ):
                (place / "b").touch()
        folder.chmod(0o700)


def test_changes_happen_in_a_private_folder_without_leftovers(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with changing(tmp_path / "a" / "b"):
            assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
            assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    finally:
        os.umask(before)
    (tmp_path / "a" / "b" / ".writing-x").write_bytes(b"old keys")
    with changing(tmp_path / "a" / "b"):
        assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "a" / "b").chmod(0o770)
    with (
        pytest.raises(StoreError, match=r"others may change the keyring .*chmod 700"),
        changing(tmp_path / "a" / "b"),
    ):
        pytest.fail("went on")


def test_the_question_comes_before_the_lock(tmp_path: Path) -> None:
    asked: list[str] = []

    def ask() -> None:
        with changing(tmp_path):  # would wait for ever inside
            asked.append("open")

    with changing(tmp_path, ask):
        assert asked == ["open"]
