from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from preforget.benchmark.context import Context, begin, key_of, stages
from preforget.benchmark.run import BUSY, THERE, claims, do, is_done, name_of, run, weight
from preforget.jobs.claims import claim
from preforget.jobs.executor import Here

from ..forked import Forked
from .conftest import Make

Start = Callable[[Path], Forked]


@pytest.fixture(scope="module")
def start(make: Make) -> Start:
    """Start a process that works on a small matrix in a folder."""
    matrix = make(methods=["retrain", "drop_row"], sets=2, trials=1, measures=["fa", "ra"])
    return lambda folder: Forked(lambda: run(begin(matrix, folder, device="cpu"), Here(), poll=0.05))


@pytest.fixture(scope="module")
def shared(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which two processes did the work together."""
    folder = tmp_path_factory.mktemp("shared")
    both = [start(folder), start(folder)]
    assert [process.wait() for process in both] == [0, 0]
    return folder


def values(folder: Path) -> dict[str, Any]:
    """Return all results by name, without times."""
    found = {}
    for path in (folder / "results").glob("*.json"):
        one = json.loads(path.read_text())
        found[path.name] = one.get("measured", sorted(one))
    return found


def test_killed_it_goes_on_and_ends_the_same(start: Start, shared: Path, tmp_path: Path) -> None:
    killed = start(tmp_path)
    while killed.poll() is None and len(list((tmp_path / "results").glob("*.json"))) < 4:
        time.sleep(0.01)
    killed.send(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert start(tmp_path).wait() == 0
    assert values(tmp_path) == values(shared)
    assert list((tmp_path / "claims").iterdir()) == []


def test_what_two_processes_shared_is_not_done_again(start: Start, shared: Path) -> None:
    made = {path: path.stat().st_mtime_ns for path in (shared / "results").iterdir()}
    assert start(shared).wait() == 0
    assert {path: path.stat().st_mtime_ns for path in (shared / "results").iterdir()} == made


def test_what_is_done_is_not_done_again(done: Context) -> None:
    tasks = [task for tasks in stages(done) for task in tasks]
    assert all(is_done(done, task) for task in tasks)
    assert {do(done, task) for task in tasks} == {THERE}
    assert all(weight(done, task) >= 1 for task in tasks)
    assert len({name_of(done, task) for task in tasks}) == len(tasks)
    run(done, Here())


def test_what_another_does_is_left_to_it(make: Make, tmp_path: Path) -> None:
    context = begin(make(), tmp_path, device="cpu")
    task = stages(context)[0][0]
    with claim(claims(context), name_of(context, task)) as ours:
        assert ours
        assert do(context, task) == BUSY
    assert context.work().get("learned", *key_of(context, task)) is None
