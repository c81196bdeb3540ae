from __future__ import annotations

import os
import resource
import select
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from preforget.core.files import (
    exclusive,
    make_private,
    may_write,
    open_regular,
    read_regular,
    sync_folder,
    write_atomic,
    write_beside,
    write_new,
)

from ..erasure.tracing import CAN_TRACE, Change, changes_of
from ..rights import bound_by_rights


def changes(write: Callable[[Path, bytes], object], path: Path) -> list[Change]:
    """Return the system calls by which a file is written that a crash of the machine could undo, or make lasting."""
    try:
        seen, code = changes_of(lambda: write(path, b"x" * 100_000))
    except PermissionError as error:
        pytest.skip(str(error))
    assert code == 0
    assert path.stat().st_size == 100_000
    return [change for change in seen if change.call not in ("chmod", "fchmod")]


@pytest.mark.skipif(not CAN_TRACE, reason="tracing system calls is written for Linux on x86-64")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(("write", "naming"), [(write_atomic, {"rename"}), (write_new, {"link", "linkat"})])
def test_bytes_are_durable_before_their_name_and_the_name_when_it_returns(
    tmp_path: Path, write: Callable[[Path, bytes], object], naming: set[str]
) -> None:
    seen = changes(write, tmp_path / "a")
    calls = [change.call for change in seen]
    (named,) = (n for n, call in enumerate(calls) if call in naming)
    last = max(n for n, call in enumerate(calls) if call == "write")
    assert calls[last + 1 : named] == ["fsync"]
    assert seen[last + 1].path == seen[last].path  # of the file that was written
    assert [(change.call, change.path) for change in seen[named + 1 :]] == [("fsync", str(tmp_path))]


@pytest.mark.skipif(not CAN_TRACE, reason="tracing system calls is written for Linux on x86-64")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_new_folder_is_durable_in_the_one_above_it(tmp_path: Path) -> None:
    try:
        seen, code = changes_of(lambda: make_private(tmp_path / "a" / "b"))
    except PermissionError as error:
        pytest.skip(str(error))
    assert code == 0
    steps = [(change.call, change.path) for change in seen if change.call != "chmod"]
    outer, inner = str(tmp_path / "a"), str(tmp_path / "a" / "b")
    assert steps == [("mkdir", outer), ("fsync", str(tmp_path)), ("mkdir", inner), ("fsync", outer)]


def test_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomic(path, b"old")
    with path.open("rb") as reader:
        write_atomic(path, b"new and longer")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new and longer"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_is_to_replace_a_file_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    temporary = write_beside(path, b"new")
    assert (path.read_bytes(), temporary.read_bytes()) == (b"old", b"new")
    assert temporary.parent == tmp_path
    assert temporary.name.startswith(".writing-")


def test_a_new_file_has_no_name_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_new(path, b"whole")
    assert path.read_bytes() == b"whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_new(path, b"other")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_new(tmp_path / "b", bytes(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("a", b"whole")]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "no" / "a", b"x")


def test_a_folder_in_the_place_is_an_error_and_nothing_stays(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="a"):
        write_atomic(tmp_path / "a", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    code = (
        "import sys; from pathlib import Path; from preforget.core.files import write_atomic\n"
        "try: write_atomic(Path(sys.argv[1]), bytes(100_000))\n"
        "except OSError: print('refused')"
    )

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=small_files,
    )
    assert done.stdout.strip() == "refused"
    assert path.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_is_synced_or_missing(tmp_path: Path) -> None:
    sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "no")


def test_one_process_at_a_time_changes_a_folder_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from preforget.core.files import exclusive\n"
        "with exclusive(Path(sys.argv[1])):\n    print('in', flush=True); time.sleep(float(sys.argv[2]))"
    )
    with exclusive(tmp_path):
        other = subprocess.Popen([sys.executable, "-c", code, tmp_path, "60"], stdout=subprocess.PIPE)
        assert other.stdout is not None
        assert select.select([other.stdout], [], [], 1.0)[0] == []  # it waits
    assert other.stdout.readline() == b"in\n"
    other.kill()
    other.wait()
    other.stdout.close()
    with exclusive(tmp_path):
        pass


def test_a_plain_file_is_read_up_to_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_regular(path, 5) == b"12345"
    with open_regular(path, 5) as file:
        assert file.read(2) == b"12"
    for opening in (read_regular, open_regular):
        with pytest.raises(OSError, match="larger than"):
            opening(path, 4)
    assert len(read_regular(Path("/proc/self/maps"), 2**24)) > 0  # of no size
    with pytest.raises(OSError, match="larger than"):
        read_regular(Path("/proc/self/maps"), 16)


def test_nobody_waits_for_a_pipe_or_reads_a_device_for_ever(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "folder", tmp_path / "link", Path("/dev/zero")):
        with pytest.raises(OSError, match=r"pipe|directory|device|symbolic"):
            read_regular(path, 2**20)
        with pytest.raises(OSError, match=r"pipe|directory|device"):
            open_regular(path, 2**20)


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_files_and_folders_are_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        make_private(tmp_path / "a" / "b")
        make_private(tmp_path / "a" / "b")
        write_atomic(tmp_path / "a" / "b" / "c", b"x")
    finally:
        os.umask(before)
    rights = [stat.S_IMODE(path.stat().st_mode) for path in sorted((tmp_path / "a").rglob("*"))]
    assert rights == [0o700, 0o600]
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    with pytest.raises(OSError, match="c"):
        make_private(tmp_path / "a" / "b" / "c")


def test_a_lock_that_is_held_can_be_noticed_without_waiting(tmp_path: Path) -> None:
    with exclusive(tmp_path), pytest.raises(BlockingIOError), exclusive(tmp_path, wait=False):
        pass
    with exclusive(tmp_path, wait=False):
        pass


def test_who_may_write_in_a_folder(tmp_path: Path) -> None:
    assert may_write(tmp_path)
    assert not may_write(tmp_path / "missing")
    tmp_path.chmod(0o555)
    try:
        with bound_by_rights():
            assert not may_write(tmp_path)
    finally:
        tmp_path.chmod(0o755)
