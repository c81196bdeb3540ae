"""Jobs on a real Ray on this machine, whose workers die."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from preforget import PreForgettableClassifier
from preforget.classifier.spread import fit_over
from preforget.core.errors import DataError, UsageError
from preforget.jobs.executor import ExecutorError, Job
from preforget.jobs.ray_executor import RayExecutor

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
        yield ray
        ray.shutdown()


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
def test_what_ray_has_read_equals_one_machine(ray_jobs: Any, tmp_path: Path, tiny_vit: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, size=(40, 32, 32, 3), dtype=np.uint8)
    labels, who = np.repeat(["cat", "dog"], 20), ["Kim", "Lee"] * 20
    whole, spread = (
        PreForgettableClassifier(str(tiny_vit), "exact", levels=1, device="cpu", dtype="float32")
        for _ in range(2)
    )
    whole.fit(images, labels, subjects=who)
    fit_over(spread, RayExecutor(), images, labels, subjects=who)
    made, expected = (sorted(r.digest() for r in model.engine_.records()) for model in (spread, whole))
    assert made == expected
