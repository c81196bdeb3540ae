"""Where jobs run, by the word that a user gives for it."""

from __future__ import annotations

from preforget.core.errors import UsageError
from preforget.jobs.executor import Here, Pool, on_this_machine
from preforget.jobs.ray_executor import RayExecutor

RAY = "ray"
WHERE = "processes, ray, ray://HOST:PORT or ray:ADDRESS"


def executor_on(where: str | None, workers: int | None = None) -> Here | Pool | RayExecutor:
    """Return an executor: of processes on this machine, or of Ray, here or on a cluster.

    `where`: `processes` or nothing; `ray`, which is started on this machine; `ray://head:10001`, a cluster by its
    client port; `ray:ADDRESS`, a cluster that this machine is part of, such as `ray:auto`. `workers`: how many jobs
    run at once, by default one per core. Raises `UsageError` for another word, and as the executors do.
    """
    if where in (None, "processes"):
        return on_this_machine(workers)
    assert where is not None
    if where == RAY:
        return RayExecutor(workers=workers)
    if where.startswith("ray://") and len(where) > len("ray://"):
        return RayExecutor(where, workers)
    if where.startswith("ray:") and where.removeprefix("ray:").strip("/"):
        return RayExecutor(where.removeprefix("ray:"), workers)
    raise UsageError(f"there is no place {where!r} to run jobs on; choose one of: {WHERE}")
