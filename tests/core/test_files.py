from __future__ import annotations

import resource
import select
import subprocess
import sys
from pathlib import Path

import pytest

from preforget.core.files import exclusive, sync_folder, write_atomic, write_beside


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
