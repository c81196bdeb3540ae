from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from preforget.core.errors import StoreError, UsageError
from preforget.core.targets import check_target, write_target


def test_a_new_file_is_written_and_an_existing_one_only_by_force(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    check_target(target)
    write_target(target, b"first")
    with pytest.raises(UsageError, match="is there already; choose another name, or give --force"):
        write_target(target, b"second")
    assert target.read_bytes() == b"first"
    write_target(target, b"second", force=True)
    assert target.read_bytes() == b"second"


def _pipe(place: Path) -> None:
    os.mkfifo(place)


def _socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))


def _link(place: Path) -> None:
    other = place.with_name("other")
    other.write_bytes(b"kept")
    place.symlink_to(other)


def _dead_link(place: Path) -> None:
    place.symlink_to("nowhere")


@pytest.mark.parametrize("make", [_pipe, _socket, Path.mkdir, _link, _dead_link])
def test_what_is_no_plain_file_is_left_alone_even_by_force(tmp_path: Path, make: object) -> None:
    target = tmp_path / "t"
    make(target)  # type: ignore[operator]
    before = target.lstat()
    with pytest.raises(UsageError, match="is no plain file"):
        write_target(target, b"x", force=True)
    assert (target.lstat().st_ino, target.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert not (tmp_path / "nowhere").exists()
    assert (tmp_path / "other").read_bytes() == b"kept" if make is _link else True


@pytest.mark.parametrize("device", ["/dev/null", "/dev/stdout"])
def test_a_device_is_left_alone(device: str) -> None:
    before = Path(device).lstat()
    with pytest.raises(UsageError, match="is no plain file"):
        write_target(Path(device), b"x", force=True)
    assert Path(device).lstat().st_ino == before.st_ino


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no does not exist; make that folder first"):
        check_target(tmp_path / "no" / "page.html")


@pytest.mark.parametrize("name", ["a\0b", "x" * 300])
def test_text_that_is_no_path_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="choose another name"):
        check_target(tmp_path / name)


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"page\.html can't be written: No space left"):
        write_target(tmp_path / "page.html", b"x")
    assert list(tmp_path.iterdir()) == []
