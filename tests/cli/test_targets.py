"""Devices, pipes, folders and links where a command is to write or to read: refused, untouched, and nobody waits."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

import preforget

from .conftest import Terminal

Place = Callable[[Path], Path]


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "t")
    return folder / "t"


def link(folder: Path) -> Path:
    (folder / "other").write_bytes(b"mine")
    (folder / "t").symlink_to(folder / "other")
    return folder / "t"


def directory(folder: Path) -> Path:
    (folder / "t").mkdir()
    return folder / "t"


def device(_: Path) -> Path:
    return Path("/dev/null")


def endless(_: Path) -> Path:
    return Path("/dev/zero")


WRITING = {
    "ledger": ("ledger", "export", "MODEL", "--force", "--out"),
    "verify-page": ("verify-page", "--force", "--out"),
    "keys": ("keys", "make", "--force", "--public"),
    "evaluate": ("evaluate", "MODEL", "digits", "--force", "--html"),
    "backup": ("keys", "backup"),
    "forget": ("forget", "MODEL", "dog", "--yes", "--receipt"),
}
READING = {
    "receipt": ("receipt", "FILE"),
    "verify": ("verify", "FILE", "MODEL"),
    "public key": ("receipt", "RECEIPT", "--public-key", "FILE"),
    "bench": ("bench", "FILE"),
    "restore": ("restore", "MODEL", "--replay", "FILE"),
    "predict": ("predict", "MODEL", "FILE"),
    "learn": ("learn", "FILE", "--out", "NEW"),
}


@pytest.mark.parametrize("make", [pipe, link, directory, device])
@pytest.mark.parametrize("command", list(WRITING))
def test_where_something_is_written(
    model: Path, terminal: Terminal, tmp_path: Path, command: str, make: Place
) -> None:
    if command == "forget" and make is directory:
        pytest.skip("receipts are copied into a folder")
    (tmp_path / "there").mkdir()
    target = make(tmp_path / "there")
    before, listed = target.lstat(), sorted((tmp_path / "there").iterdir())
    done = terminal(*[model if word == "MODEL" else word for word in WRITING[command]], target)
    assert (done.code, done.out) == (2, "")
    assert "no plain file" in done.err
    assert (target.lstat().st_ino, target.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert sorted((tmp_path / "there").iterdir()) == listed
    assert make is not link or (tmp_path / "there" / "other").read_bytes() == b"mine"
    assert "dog" in terminal("classes", model).out


@pytest.mark.parametrize("make", [pipe, endless, directory])
@pytest.mark.parametrize("command", list(READING))
def test_what_is_read(model: Path, terminal: Terminal, tmp_path: Path, command: str, make: Place) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "receipt.json").write_bytes(b"{}")
    words = {
        "MODEL": model,
        "FILE": make(tmp_path / "there"),
        "RECEIPT": tmp_path / "receipt.json",
        "NEW": tmp_path / "new",
    }
    done = terminal(*[words.get(word, word) for word in READING[command]])
    assert done.code in (1, 2, 3)
    assert done.err.startswith("preforget: ")


def test_no_command_writes_by_another_way() -> None:
    """What a user names as a file to write goes through `core.targets`; folders check what they hold themselves."""
    ways = re.compile(r"write_atomic|write_bytes|write_text|\.savefig|open\([^)]*[\"'][wax]")
    rooms = [Path(preforget.__file__).parent / room for room in ("cli", "demo", "benchmark")]
    found = [path.name for room in rooms for path in room.glob("*.py") if ways.search(path.read_text())]
    assert found == ["picture.py"]  # into memory


def test_a_device_is_still_one() -> None:
    assert all(stat.S_ISCHR(Path(name).lstat().st_mode) for name in ("/dev/null", "/dev/zero"))
