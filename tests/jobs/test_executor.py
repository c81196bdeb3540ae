"""Jobs run here or in processes of their own, and a killed process is no silent loss."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from preforget.core.errors import DataError, UsageError
from preforget.core.registry import Registry
from preforget.jobs.executor import ExecutorError, Here, Job, Pool, on_this_machine

SOURCE = """
import os, signal, time
from preforget.core.errors import DataError

def add(context, number):
    return context["base"] + number, os.getpid()

def threads(context):
    import torch
    return torch.get_num_threads()

def fail(context):
    raise DataError("this input can't be used")

def die(context):
    os.kill(os.getpid(), signal.SIGKILL)

def slow(context, number):
    (context / str(number)).touch()
    time.sleep(0.5)
"""

HANG = """
import os, time

def hang(context):
    (context / "worker").write_text(str(os.getpid()))
    time.sleep(300)
"""
PARENT = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
import hanging
from preforget.jobs.executor import Job, Pool
if __name__ == "__main__":
    list(Pool(1).run([Job("hang", hanging.hang)], Path(__file__).parent))
"""


@pytest.fixture
def work(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module that fresh processes can import, as users' modules are."""
    place = tmp_path_factory.mktemp("module")
    (place / "jobs_for_executors.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(place)
    return importlib.import_module("jobs_for_executors")


def test_each_job_comes_back_with_its_result(work: Any) -> None:
    jobs = [Job(f"job {n}", work.add, (n,)) for n in range(5)]
    pool, here, context = Pool(2, threads=1), Here(), {"base": 10}
    try:
        for executor in (pool, here):
            found = dict(executor.run(jobs, context))
            assert {job.name: value for job, (value, _) in found.items()} == {
                f"job {n}": 10 + n for n in range(5)
            }
            processes = {process for _, process in found.values()}
            assert (os.getpid() in processes) == (executor is here)
            assert list(executor.run([], None)) == []
            if executor is pool:  # it keeps its processes for the same context
                assert {process for _, (_, process) in pool.run(jobs, context)} <= processes
                assert [value for _, value in pool.run([Job("a", work.threads)], context)] == [1]
            executor.close()
        ((_, (value, process)),) = pool.run(jobs[:1], {"base": 1})
        assert value == 1
        assert process not in {os.getpid(), *processes}
        with pytest.raises(DataError, match="this input"):
            list(here.run([Job("a", work.fail)], None))
    finally:
        pool.close()


def test_few_long_jobs_share_the_cores() -> None:
    pool = Pool(2, threads=2)
    assert [pool.threads_for(jobs) for jobs in (1, 2, 5)] == [4, 2, 2]
    assert Here().threads_for(1) is None


def test_one_worker_is_this_process() -> None:
    assert isinstance(on_this_machine(1), Here)
    pool = on_this_machine(3)
    assert isinstance(pool, Pool)
    assert pool.workers == 3
    with pytest.raises(UsageError, match="workers must be"):
        on_this_machine(0)


def test_results_that_came_before_a_process_was_killed_are_there(work: Any) -> None:
    pool, seen = Pool(1), list[Any]()
    jobs = [Job("add", work.add, (1,)), Job("die", work.die), Job("add", work.add, (2,))]
    with pytest.raises(ExecutorError, match=r"repeat the command to go on, with fewer --workers"):
        seen.extend(job.arguments for job, _ in pool.run(jobs, {"base": 10}))
    assert seen == [(1,)]
    again = pool.run([jobs[0], Job("fail", work.fail)], {"base": 20})  # and it can be used again
    assert next(again)[1][0] == 21
    with pytest.raises(DataError, match="this input"):
        next(again)


def test_an_extension_that_a_worker_cant_import_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Any
) -> None:
    things: Registry[Any] = Registry("thing")
    (tmp_path / "extension_of_things.py").write_text("def thing(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("extension_of_things")
    things.register("thing")(module.thing)
    pool = Pool(1)
    try:
        (tmp_path / "extension_of_things.py").unlink()
        with pytest.raises(ExecutorError, match=r"can't import extension_of_things.*PYTHONPATH"):
            list(pool.run([Job("add", work.add, (1,))], {"base": 1}))
    finally:
        del sys.modules["extension_of_things"]  # so that it isn't sent to the workers of other tests
        pool.close()


def test_who_stops_listening_stops_the_rest(tmp_path: Path, work: Any) -> None:
    running = Pool(1).run([Job(f"{n}", work.slow, (n,)) for n in range(20)], tmp_path)
    next(running)
    running.close()
    assert len(list(tmp_path.iterdir())) < 6


@pytest.mark.parametrize(("name", "value"), [("workers", 0), ("workers", True), ("threads", 1.5)])
def test_numbers_that_can_not_be_used(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"{name} must be a whole number of at least 1, got {value!r}"):
        Pool(**{name: value})


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc how a process is")
def test_a_pool_ends_with_its_parent(tmp_path: Path) -> None:
    (tmp_path / "hanging.py").write_text(HANG)
    (tmp_path / "parent.py").write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py")])
    place = tmp_path / "worker"
    while parent.poll() is None and not (place.exists() and place.read_text()):
        time.sleep(0.05)
    worker = int(place.read_text())
    assert state_of(worker) not in ("", "Z")
    parent.kill()
    parent.wait()
    for _ in range(600):
        if state_of(worker) in ("", "Z"):  # gone, or ended and nobody has asked for its exit code
            return
        time.sleep(0.05)
    pytest.fail("the worker lives on")


def state_of(process: int) -> str:
    """Return the letter of a process's state, nothing once it is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
