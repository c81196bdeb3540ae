"""Runs jobs on Ray: on this machine, or on a cluster that is running already."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from preforget.core.errors import UsageError
from preforget.core.registry import extension_modules
from preforget.core.version import __version__
from preforget.jobs.executor import ExecutorError, Job, available_cores

RETRIES = 3
"""How often a job is begun anew whose worker has died."""
AHEAD = 2
"""How many jobs for each worker are handed over at once, so that not all inputs lie in memory together."""
STORE_BYTES = 256 * 2**20
"""Room for what passes between processes of a Ray on this machine; Ray writes what is more to its folder."""
LOCAL = "local"


class RayExecutor:
    """Runs jobs as tasks of Ray, each with so many `threads`; a worker that dies is replaced.

    `address`: of a cluster, such as `ray://head:10001` or `auto`; without one, Ray is started on this machine with as
    many `workers` as there are cores, in a folder of its own that is deleted at the end. In a process that is connected
    to Ray already, that connection is used and stays.

    Raises `UsageError` if Ray isn't installed, `ExecutorError` if the cluster can't be reached.
    """

    def __init__(self, address: str | None = None, workers: int | None = None, threads: int = 1) -> None:
        self._ray = _library()
        self.address, self.threads = address, threads
        self.folder: Path | None = None
        self._started = False
        self._context: Any = None
        self._sent: Any = None
        if not self._ray.is_initialized():
            self._start(workers)
        cores = int(self._ray.cluster_resources().get("CPU", 1))
        self.workers = workers or max(1, cores // threads)

    @property
    def place(self) -> str:
        """Where inputs and models are while jobs run, and perhaps after that, in words or as a path."""
        if self.folder is not None:
            return str(self.folder)
        known = "that this process was connected to" if self.address is None else f"cluster {self.address}"
        return f"workers of the Ray {known}"

    def run(self, jobs: Sequence[Job], context: Any) -> Iterator[tuple[Job, Any]]:
        """Yield each job with its result as they come; raises `ExecutorError` if workers are lost again and again."""
        if not jobs:
            return
        ray = self._ray
        if self._sent is None or self._context is not context:
            self._sent, self._context = ray.put(context), context
        task = ray.remote(_do).options(num_cpus=self.threads, max_retries=RETRIES)
        modules = extension_modules()
        waiting = sorted(jobs, key=lambda job: -job.weight)[::-1]
        running: dict[Any, Job] = {}
        try:
            while waiting or running:
                while waiting and len(running) < AHEAD * self.workers:
                    job = waiting.pop()
                    running[task.remote(self._sent, job, modules, self.threads, __version__)] = job
                for done in ray.wait(list(running), num_returns=1)[0]:
                    result = _result(ray, done)
                    yield running.pop(done), result
        finally:
            for unfinished in running:
                ray.cancel(unfinished, force=True)

    def threads_for(self, jobs: int) -> int | None:
        """Leave threads as they are: Ray has reserved the cores."""
        return self.threads

    def close(self) -> None:
        """Free the context, and end a Ray that this executor has started."""
        self._context = self._sent = None
        if self._started:
            self._ray.shutdown()
            self._started = False
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, workers: int | None) -> None:
        options: dict[str, Any] = {"log_to_driver": False}
        if self.address is None:
            self.folder = Path(tempfile.mkdtemp(prefix="preforget-ray-"))
            options |= {
                "address": LOCAL,
                "num_cpus": (workers or available_cores()) * self.threads,
                "include_dashboard": False,
                "object_store_memory": STORE_BYTES,
                "_temp_dir": str(self.folder),
            }
        else:
            options["address"] = self.address
        try:
            with _quiet():
                self._ray.init(**options)
        except Exception as error:  # Ray raises a plain one where its start takes more than 30 s
            self.close()
            where = "on this machine" if self.address is None else f"at {self.address}"
            raise ExecutorError(f"Ray can't be reached {where}: {error}") from error
        self._started = True


def _library() -> Any:
    try:
        import ray
    except ImportError:
        raise UsageError("Ray isn't installed: pip install 'preforget[ray]'") from None
    return ray


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ray from reporting its use to its makers, which it reads from the environment when it starts."""
    names = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update({name: value for name, value in names.items() if before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)


def _result(ray: Any, done: Any) -> Any:
    """Return what a task has returned; raises what it raised, `ExecutorError` for a worker that was lost."""
    try:
        return ray.get(done)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        raise ExecutorError(
            f"workers of Ray were lost {RETRIES + 1} times with the same job ({type(error).__name__}), perhaps for "
            "lack of memory; repeat the command to go on, with fewer --workers"
        ) from error


def _do(context: Any, job: Job, modules: Sequence[str], threads: int, version: str) -> Any:
    """Import the extensions that the sender knows, then do the job."""
    if version != __version__:
        raise ExecutorError(
            f"a worker of Ray has preforget {__version__}, and this machine {version}; install the same everywhere"
        )
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ExecutorError(
                f"a worker of Ray can't import {name}, which enters an extension: {error}; install it on all machines, "
                "or put its folder into PYTHONPATH before Ray is started"
            ) from error
    os.environ.update({"OMP_NUM_THREADS": f"{threads}", "MKL_NUM_THREADS": f"{threads}"})
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    return job.call(context, *job.arguments)
