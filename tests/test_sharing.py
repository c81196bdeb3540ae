"""Processes that share the tests collect the same ones, whichever end they begin at."""

from __future__ import annotations

from pathlib import Path

from .sharing import TESTS, from_the_end, rank_of, unit_of


def test_what_runs_in_one_process() -> None:
    assert unit_of("tests/benchmark/test_run.py::test_a") == unit_of(
        "tests/benchmark/test_cell.py::test_b[1]"
    )
    assert unit_of("tests/store/test_folder.py::test_a[x::y]") == "tests/store/test_folder.py"
    assert unit_of("tests/test_rooms.py::test_a") == "tests/test_rooms.py"


def test_the_longest_rooms_begin() -> None:
    files = [TESTS / "data" / "test_a.py", TESTS / "test_rooms.py", TESTS / "benchmark" / "test_z.py"]
    assert [path.name for path in sorted(files, key=rank_of)] == ["test_z.py", "test_a.py", "test_rooms.py"]


def test_from_the_end_are_the_same_files() -> None:
    places = [Path(place) for place in from_the_end([str(TESTS)])]
    assert places == sorted(places, reverse=True)
    found = {file for place in places for file in (place.rglob("test_*.py") if place.is_dir() else [place])}
    assert found == set(TESTS.rglob("test_*.py"))
    assert from_the_end([str(TESTS / "core")]) == [str(TESTS / "core")]
