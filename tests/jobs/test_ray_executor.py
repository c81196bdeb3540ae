"""Jobs on a real Ray on this machine, whose workers die."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from PIL import Image

from preforget import PreForgettableClassifier
from preforget.audit.run import audit
from preforget.classifier.elsewhere import evaluate_over
from preforget.classifier.spread import fit_over
from preforget.cli.elsewhere import listed
from preforget.cli.main import main
from preforget.core.errors import DataError, UsageError
from preforget.data import Dataset, Split
from preforget.data.dataset import label_array
from preforget.data.vectors import Vectors
from preforget.jobs.executor import ExecutorError, Job
from preforget.jobs.ray_executor import RayExecutor
from preforget.jobs.work import Work

pytestmark = pytest.mark.cluster

REQUIRED = bool(os.environ.get("PREFORGET_REQUIRE_RAY"))
needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None and not REQUIRED, reason="needs the extra ray"
)

JOBS = """
import os, signal
from pathlib import Path
from preforget.core.errors import DataError

def add(context, number):
    return context["base"] + number

def threads(context):
    import torch
    return torch.get_num_threads()

def fail(context):
    raise DataError("this input can't be used")

def die(context):
    os.kill(os.getpid(), signal.SIGKILL)

def dies_once(context, trace):
    if not Path(trace).exists():
        Path(trace).write_text("x")
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"
"""


@pytest.fixture(scope="module")
def ray_jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Ray of two workers on this machine, which takes seconds to start and can import the module `jobs_for_ray`."""
    import ray

    modules = tmp_path_factory.mktemp("ray-jobs")
    (modules / "jobs_for_ray.py").write_text(JOBS)
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(prefix="ray-", dir="/tmp") as folder:
        patch.syspath_prepend(modules)
        before = os.environ.get("PYTHONPATH")
        patch.setenv("PYTHONPATH", f"{modules}{os.pathsep}{before}" if before else str(modules))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=80 * 2**20,
            log_to_driver=False,
            _temp_dir=folder,  # a short path: sockets lie there
        )
        started = [
            info.process
            for infos in ray._private.worker._global_node.all_processes.values()
            for info in infos
        ]
        yield ray
        ray.shutdown()
        for process in started:  # on a busy machine Ray doesn't wait for them as long as they take
            process.wait(timeout=60)


@needs_ray
def test_jobs_come_back_and_a_worker_that_dies_is_replaced(ray_jobs: Any, tmp_path: Path) -> None:
    executor, work = RayExecutor(), importlib.import_module("jobs_for_ray")
    assert (executor.workers, executor.folder) == (2, None)
    jobs = [Job(f"job {n}", work.add, (n,), weight=n) for n in range(5)]
    results = dict(executor.run(jobs, {"base": 10}))
    assert {job.name: value for job, value in results.items()} == {f"job {n}": 10 + n for n in range(5)}
    assert list(executor.run([], None)) == []

    trace = tmp_path / "tries"
    ((_, value),) = executor.run([Job("dies once", work.dies_once, (str(trace),))], {})
    assert (value, trace.read_text()) == ("alive", "x")

    with pytest.raises(DataError, match="this input can't be used"):
        list(executor.run([Job("fail", work.fail)], {}))
    assert [value for _, value in executor.run([Job("threads", work.threads)], {})] == [1]
    executor.close()
    assert sys.modules["ray"].is_initialized()  # it was there before, so it stays


@needs_ray
def test_a_job_that_kills_every_worker_is_given_up(ray_jobs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preforget.jobs.ray_executor.RETRIES", 0)  # each takes a second
    work = importlib.import_module("jobs_for_ray")
    with pytest.raises(ExecutorError, match=r"lost 1 times with the same job.*repeat the command"):
        list(RayExecutor().run([Job("die", work.die)], {}))


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # what an installation without the extra finds
    with pytest.raises(UsageError, match=r"Ray isn't installed: pip install 'preforget\[ray\]'"):
        RayExecutor()


@needs_ray
def test_what_ray_has_read_equals_one_machine(ray_jobs: Any) -> None:
    rng = np.random.default_rng(0)
    X, y, who = rng.normal(size=(90, 6)), np.repeat(["ant", "bee", "cat"], 30), ["Kim", "Lee", "Max"] * 30
    whole, spread = (PreForgettableClassifier("features", "exact") for _ in range(2))
    whole.fit(X, y, subjects=who)
    fit_over(spread, RayExecutor(), X, y, subjects=who)
    made, expected = (sorted(r.digest() for r in model.engine_.records()) for model in (spread, whole))
    assert made == expected


@needs_ray
def test_ray_measures_answers_and_audits_like_one_process(ray_jobs: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.repeat(["ant", "bee", "cat"], 20)
    X = rng.normal(size=(60, 4)) + np.repeat(np.eye(3, 4) * 6, 20, axis=0)
    parts = [Split(Vectors(X[n::3].astype(np.float32)), label_array(list(y[n::3]))) for n in range(3)]
    data = Dataset("drawn", *parts, classes=("ant", "bee", "cat"), note="")
    model = PreForgettableClassifier("features", "exact").fit(parts[0], validation=parts[1])
    model.save_pretrained(tmp_path / "model")
    assert evaluate_over(model, RayExecutor(), parts[2]) == model.evaluate(parts[2])
    asked = {"attacks": ["membership"], "seeds": 1}
    here, there = (audit(model, data, "bee", executor=each, **asked) for each in (None, RayExecutor()))
    assert [m.gap for m in there.measures] == [m.gap for m in here.measures]

    alone = RayExecutor()
    alone.address = "ray://elsewhere:10001"  # what is noted of a cluster, without a second one
    for _ in range(2):
        with listed(alone, model.folder):
            pass
    assert model.folder is not None
    (copy,) = model.folder.manifest.copies.values()
    assert (copy["place"], copy["delete"]) == ("workers of the Ray cluster ray://elsewhere:10001", False)


BUSY = b"ray::_do"
"""What a worker is called while it does a job."""


def title_of(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:  # it has ended
        return b""


def parent_of(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def kill_a_busy_worker(killed: list[int], ended: threading.Event) -> None:
    """Kill the first worker of this process's Ray that is seen at work; it is stopped first, so that it stays at it."""
    while not ended.wait(0.005):
        for process in Path("/proc").glob("[0-9]*"):
            number = int(process.name)
            if not title_of(process).startswith(BUSY) or parent_of(parent_of(number)) != os.getpid():
                continue
            os.kill(number, signal.SIGSTOP)
            busy = title_of(process).startswith(BUSY)
            os.kill(number, signal.SIGKILL if busy else signal.SIGCONT)
            if busy:
                killed.append(number)
                return


@contextlib.contextmanager
def killing() -> Iterator[list[int]]:
    """Kill one worker while it is at work; yields the numbers of those that were killed."""
    killed: list[int] = []
    ended = threading.Event()
    killer = threading.Thread(target=kill_a_busy_worker, args=(killed, ended))
    killer.start()
    try:
        yield killed
    finally:
        ended.set()
        killer.join(timeout=30)


@needs_ray
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="busy workers are found by /proc")
def test_predict_goes_on_after_a_worker_and_the_command_have_ended(
    ray_jobs: Any,
    tmp_path: Path,
    tiny_vit: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (300, 8, 8, 3), dtype=np.uint8)
    (tmp_path / "new").mkdir()
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(tmp_path / "new" / f"{number:03}.png")
    learner = PreForgettableClassifier(str(tiny_vit), "exact", levels=1, device="cpu", dtype="float32")
    learner.fit(pixels[:24], np.tile(["cat", "dog"], 12)).save_pretrained(tmp_path / "model")
    words = ["predict", str(tmp_path / "model"), str(tmp_path / "new"), "--json"]

    def answers(*more: str) -> Any:
        capsys.readouterr()
        assert main([*words, *more]) == 0
        return json.loads(capsys.readouterr().out)

    expected = answers()
    assert len({row["path"] for row in expected["predictions"]}) == len(expected["predictions"]) == 300
    work = tmp_path / "work"
    elsewhere = ("--on", "ray", "--work", str(work))
    put, written = Work.put, []

    def put_and_interrupt(self: Work, value: Any, *what: Any) -> None:
        put(self, value, *what)
        written.append(what[-1])
        if len(written) == 1:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Work, "put", put_and_interrupt)
    with killing() as killed:
        assert main([*words, *elsewhere]) == 130
    assert len(killed) == 1
    assert written
    assert len(list((work / "results").iterdir())) == len(written) < 3
    assert answers(*elsewhere) == expected
    assert len(written) == len(set(written)) == 3  # each part was answered once
    assert not work.exists()
    capsys.readouterr()
    assert main(["copies", str(tmp_path / "model"), "--json"]) == 0
    (copy,) = json.loads(capsys.readouterr().out)[
        "copies"
    ]  # the Ray of this test stays, and so does what it holds
    assert copy["place"] == "workers of the Ray that this process was connected to"
