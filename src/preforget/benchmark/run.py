"""Runs a benchmark: every task once, in whichever process is free; finished tasks are not repeated."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from preforget.benchmark.cell import cell
from preforget.benchmark.context import Context, Task, key_of, stages
from preforget.benchmark.own_method import load_method
from preforget.benchmark.search import search
from preforget.benchmark.trained_models import is_learned, learn
from preforget.core.hashing import value_digest
from preforget.jobs.claims import claim, is_claimed
from preforget.jobs.executor import Executor, Job
from preforget.training.progress import counting

CALLS: dict[str, Callable[[Context, Task], Any]] = {"learn": learn, "search": search, "cell": cell}
MADE, THERE, BUSY = "made", "there", "busy"
POLL = 2.0
"""Seconds between two checks of other processes' tasks, when no task is free."""
LEARN, TRIAL, METHOD, ENGINE = 10, 8, 10, 3
"""Relative durations of tasks, for the estimate of the time left."""


def run(context: Context, executor: Executor, *, show: bool = False, poll: float = POLL) -> None:
    """Do all tasks of a matrix, together with other processes that use the same folder; return once all are done.

    `show`: progress and time left on stderr. An error in a task is raised here; finished tasks are kept.
    """
    all_stages = stages(context)
    weights = {task: weight(context, task) for tasks in all_stages for task in tasks}
    waiting = [[task for task in tasks if not is_done(context, task)] for tasks in all_stages]
    total = sum(weights[task] for tasks in waiting for task in tasks)
    try:
        with counting(total=total, what="benchmark", unit="step", show=show) as count:
            for tasks in waiting:
                unfinished = tasks
                while unfinished:
                    before = unfinished
                    free = [
                        t
                        for t in unfinished
                        if not is_claimed(claims(context), name_of(context, t), context.stale_after)
                    ]
                    for job, state in executor.run(
                        [_job(context, task, weights[task]) for task in free], context
                    ):
                        if state != BUSY:
                            unfinished = [task for task in unfinished if task != job.arguments[0]]
                            count(job.weight)
                    for task in [task for task in unfinished if is_done(context, task)]:
                        unfinished = [other for other in unfinished if other != task]
                        count(weights[task])
                    if unfinished and unfinished == before:
                        time.sleep(poll)
    finally:
        executor.close()


def do(context: Context, task: Task) -> str:
    """Do a task unless it is done or another process is doing it; return which of the three."""
    for method in context.matrix.methods:
        if method.file is not None:  # a process of a pool starts without them
            load_method(method.name, Path(method.file), method.file_digest)
    if is_done(context, task):
        return THERE
    with claim(claims(context), name_of(context, task), context.stale_after) as claimed:
        if not claimed:
            return BUSY
        if is_done(context, task):  # by the process that held the claim a moment ago
            return THERE
        CALLS[task.kind](context, task)
        return MADE


def is_done(context: Context, task: Task) -> bool:
    """Tell whether a task has a result."""
    if task.kind == "learn":
        return is_learned(context, task)
    return context.work().get(*key_of(context, task)) is not None


def claims(context: Context) -> Any:
    """Return the folder of claims."""
    return context.folder / "claims"


def name_of(context: Context, task: Task) -> str:
    """Return the name of a task's claim: a digest of everything that its result depends on."""
    return value_digest(["task", task.kind, *key_of(context, task)]).removeprefix("sha256:")[:32]


def weight(context: Context, task: Task) -> int:
    """Return roughly how long a task takes relative to the others."""
    if task.kind == "learn":
        return LEARN
    if task.kind == "search":
        return TRIAL * context.matrix.trials
    return METHOD if context.matrix.engine(task.who) is None else ENGINE


def _job(context: Context, task: Task, weight: int) -> Job:
    return Job(f"{task.kind} {task.who}", do, (task,), weight)
