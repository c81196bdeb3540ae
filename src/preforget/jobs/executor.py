"""Runs jobs in this process, in a pool of processes, or wherever another class with `run` sends them."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from preforget.core.errors import PreforgetError, UsageError
from preforget.core.registry import extension_modules


class ExecutorError(PreforgetError, RuntimeError):
    """Work that was sent elsewhere did not come back."""


@dataclass(frozen=True)
class Job:
    """`call(context, *arguments)`, a function of a module and arguments that can be sent to another machine.

    `name` is shown to people and holds no label; `weight` says how long it takes beside the others.
    """

    name: str
    call: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    weight: int = 1


class Executor(Protocol):
    """Runs jobs. Results that matter are in files, so running a job twice does no harm.

    A process elsewhere must import `core.registry.extension_modules()` of this one before it does a job.
    """

    @property
    def workers(self) -> int:
        """How many jobs run at once."""

    def run(self, jobs: Sequence[Job], context: Any) -> Iterator[tuple[Job, Any]]:
        """Yield each job with its result, in any order; `context` is sent to each place of work once.

        An error of a job is raised here.
        """

    def threads_for(self, jobs: int) -> int | None:
        """Return how many threads of torch each of so many long jobs may use; None to leave that as it is."""

    def close(self) -> None:
        """Free what is held for jobs to come; `run` may be called again."""


class Here:
    """One job after another, in this process."""

    workers: ClassVar[int] = 1

    def run(self, jobs: Sequence[Job], context: Any) -> Iterator[tuple[Job, Any]]:
        """Yield each job with its result, in order."""
        for job in jobs:
            yield job, job.call(context, *job.arguments)

    def threads_for(self, jobs: int) -> int | None:
        """Leave threads as they are."""
        return None

    def close(self) -> None:
        """Nothing is held."""


class Pool:
    """A pool of fresh processes on this machine; `workers` of them, with `threads` threads of torch each."""

    def __init__(self, workers: int | None = None, threads: int | None = None) -> None:
        cores = available_cores()
        for name, value in (("workers", workers), ("threads", threads)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise UsageError(f"{name} must be a whole number of at least 1, got {value!r}")
        self.workers = workers or cores
        self.threads = threads or max(1, cores // self.workers)
        self._cores = self.threads * self.workers
        self._pool: ProcessPoolExecutor | None = None
        self._context: Any = None

    def run(self, jobs: Sequence[Job], context: Any) -> Iterator[tuple[Job, Any]]:
        """Yield each job with its result as they come; raises `ExecutorError` if a process was killed."""
        if not jobs:
            return
        pool = self._opened(context)
        done = False
        try:
            modules = extension_modules()
            futures = {pool.submit(_do, job, modules): job for job in jobs}
            for future in as_completed(futures):
                yield futures[future], future.result()
            done = True
        except BrokenProcessPool as error:
            raise ExecutorError(
                "a worker process was killed, perhaps for lack of memory; repeat the command to go on, "
                "with fewer --workers"
            ) from error
        finally:
            if not done:
                self.close()

    def threads_for(self, jobs: int) -> int | None:
        """Share all cores among few jobs."""
        return max(self.threads, self._cores // max(1, min(jobs, self.workers)))

    def close(self) -> None:
        """End the processes once their jobs are done; jobs that haven't begun are dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = self._context = None

    def _opened(self, context: Any) -> ProcessPoolExecutor:
        """Return processes that have the context: those of the last run, where it was the same."""
        if self._pool is None or self._context is not context:
            self.close()
            self._context = context
            self._pool = ProcessPoolExecutor(
                self.workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(context, self.threads),
            )
        return self._pool


def available_cores() -> int:
    """Return how many cores of this machine the process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_this_machine(workers: int | None = None) -> Here | Pool:
    """Return a pool of so many processes, by default one per core; for a single one this process itself."""
    pool = Pool(workers)
    return pool if pool.workers > 1 else Here()


_context: list[Any] = []
"""The context of this process's jobs and its number of threads, set once when a process of the pool starts."""


def _begin(context: Any, threads: int) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # read when a job imports torch, which takes seconds: not each job needs it
    os.environ.update({"OMP_NUM_THREADS": f"{threads}", "MKL_NUM_THREADS": f"{threads}"})
    _context[:] = [context, threads]


def _end_with_parent() -> None:
    """End at once when the process that opened the pool is killed, so that no work goes on."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(job: Job, modules: Sequence[str]) -> Any:
    """Import the extensions that the sender knows, then do the job."""
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ExecutorError(
                f"a worker process can't import {name}, which enters an extension: {error}; install it, "
                "or put its folder into PYTHONPATH"
            ) from error
    context, threads = _context
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    return job.call(context, *job.arguments)
