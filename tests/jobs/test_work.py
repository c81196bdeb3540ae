"""What is in the work folder is there whole or not at all, and is found by what it is the result of."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.core.errors import IntegrityError, StoreError
from preforget.jobs.work import Work

WRITER = """
import sys, numpy as np
from pathlib import Path
from preforget.jobs.work import Work
work = Work(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    work.put_arrays({"x": np.ones(300_000)}, "arrays")
    work.put([1.5] * 50_000, "result")
"""


def test_a_result_is_found_by_what_it_is_of(tmp_path: Path) -> None:
    work = Work(tmp_path / "work")
    assert work.get("key", "attack", 1) is None
    work.put({"values": {"auc": 0.5}}, "key", "attack", 1)
    assert Work(tmp_path / "work").get("key", "attack", 1) == {"values": {"auc": 0.5}}
    assert work.get("key", "attack", 2) is None
    assert work.get("key", "attack", "1") is None


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    work, made = Work(tmp_path), []

    def make() -> int:
        made.append(1)
        return 7

    assert [work.once(make, "a"), work.once(make, "a"), work.once(make, "b")] == [7, 7, 7]
    assert len(made) == 2


def test_arrays(tmp_path: Path) -> None:
    work = Work(tmp_path)
    assert work.get_arrays("a") is None
    arrays = {"one.x": np.arange(3.0), "two": np.array([[True, False]])}
    work.put_arrays(arrays, "a")
    found = work.get_arrays("a")
    assert found is not None
    assert {n: v.tolist() for n, v in found.items()} == {n: v.tolist() for n, v in arrays.items()}


def test_places_differ_and_tell_nothing(tmp_path: Path) -> None:
    work = Work(tmp_path)
    places = {work.checkpoint("Jane Doe", 1), work.checkpoint("Jane Doe", 2)}
    assert len(places) == 2
    assert all("Jane" not in str(place) for place in places)


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    work = Work(tmp_path)
    work.put(1, "a")
    (path,) = (tmp_path / "results").iterdir()
    path.write_bytes(b"{")
    with pytest.raises(IntegrityError, match=f"{path.name} is damaged; delete it"):
        work.get("a")


def test_numbers_that_are_none_are_not_written(tmp_path: Path) -> None:
    work = Work(tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        work.put(float("nan"), "a")
    assert work.get("a") is None


class Reversed:
    """Stands for encryption: what begins with the name can be opened."""

    def lock(self, name: str, content: bytes) -> bytes:
        return name.encode() + content[::-1]

    def unlock(self, name: str, content: bytes) -> bytes | None:
        return content.removeprefix(name.encode())[::-1] if content.startswith(name.encode()) else None


def test_what_is_locked_comes_back_and_what_can_not_be_opened_is_not_there(tmp_path: Path) -> None:
    work = Work(tmp_path, Reversed())
    work.put("Jane Doe", "a")
    work.put_arrays({"x": np.arange(3.0)}, "b")
    assert work.get("a") == "Jane Doe"
    found = work.get_arrays("b")
    assert found is not None
    assert found["x"].tolist() == [0, 1, 2]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(b"Jane Doe" not in path.read_bytes() for path in files)
    for path in files:
        path.write_bytes(b"anything else")
    assert (work.get("a"), work.get_arrays("b")) == (None, None)
    assert work.once(lambda: 7, "a") == 7


PLAIN = st.recursive(
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=10, deadline=None)
@given(st.dictionaries(st.tuples(st.text() | st.integers(), st.text()), PLAIN, max_size=4))
def test_each_result_is_what_was_put_under_its_own_key(
    tmp_path_factory: pytest.TempPathFactory, results: dict[tuple[Any, str], Any]
) -> None:
    work = Work(tmp_path_factory.mktemp("work"))
    for what, value in results.items():
        work.put(value, *what)
    assert {what: work.get(*what) for what in results} == results
    assert len(list((work.folder / "results").iterdir())) == len(results)


def test_what_was_written_under_another_name_is_not_believed(tmp_path: Path) -> None:
    work = Work(tmp_path, Reversed())
    work.put(1, "a")
    (one,) = (tmp_path / "results").iterdir()
    work.put(2, "b")
    (other,) = {*(tmp_path / "results").iterdir()} - {one}
    other.write_bytes(one.read_bytes())
    assert (work.get("a"), work.get("b")) == (1, None)


def test_a_failed_making_leaves_no_result(tmp_path: Path) -> None:
    work = Work(tmp_path)
    with pytest.raises(ZeroDivisionError):
        work.once(lambda: 1 // 0, "a")
    assert work.get("a") is None
    assert work.once(lambda: 7, "a") == 7


class Runs:
    """Does something when it is read with pickle."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


def test_arrays_that_would_run_something_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    work = Work(tmp_path / "work")
    work.put_arrays({"x": np.arange(3.0)}, "a")
    (path,) = (tmp_path / "work" / "arrays").iterdir()
    with path.open("wb") as file:
        np.savez(file, x=np.array([Runs()], dtype=object))
    with pytest.raises(IntegrityError, match=f"{path.name} is damaged; delete it"):
        work.get_arrays("a")
    assert not (tmp_path / "ran").exists()


def test_damaged_arrays_are_named(tmp_path: Path) -> None:
    work = Work(tmp_path)
    work.put_arrays({"x": np.arange(3.0)}, "a")
    (path,) = (tmp_path / "arrays").iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(IntegrityError, match=f"{path.name} is damaged; delete it"):
        work.get_arrays("a")


def test_it_can_be_cleared(tmp_path: Path) -> None:
    work = Work(tmp_path)
    work.put(1, "a")
    work.clear()
    assert work.get("a") is None
    work.put(2, "a")


def test_it_can_be_removed(tmp_path: Path) -> None:
    work = Work(tmp_path / "work")
    work.put(1, "a")
    work.remove()
    assert not (tmp_path / "work").exists()


def test_a_place_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="can't be written"):
        Work(tmp_path / "file" / "work")


def test_killed_while_writing(tmp_path: Path) -> None:
    for number in range(4):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE)
        with writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(0.2 + 0.13 * number)
            os.kill(writer.pid, signal.SIGKILL)
        work = Work(tmp_path)
        arrays = work.get_arrays("arrays")
        assert arrays is None or arrays["x"].sum() == 300_000
        found = work.get("result")
        assert found is None or json.dumps(found) == json.dumps([1.5] * 50_000)
