"""The options of work that other processes or machines do, and the list of copies that it leaves."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from preforget.cli.console import note

if TYPE_CHECKING:
    from preforget.jobs.executor import Here, Pool
    from preforget.jobs.ray_executor import RayExecutor
    from preforget.store import ModelFolder

TORCHRUN = "torchrun"
KIND = "cache"
"""What the folders of workers are called in the list of copies."""


def add_on(parser: argparse.ArgumentParser, *, torchrun: bool = False, workers: bool = True) -> None:
    """Add where work is done, and by how many workers unless the command has that already."""
    also = f"; {TORCHRUN}: in the processes that it has started" if torchrun else ""
    parser.add_argument(
        "--on",
        metavar="WHERE",
        help="processes (of this machine), ray (started on this machine), ray://HOST:PORT or ray:ADDRESS (a cluster; "
        f"needs the extra ray, and all files and folders under the same paths on every machine){also}",
    )
    if workers:
        parser.add_argument(
            "--workers", type=int, metavar="N", help="how many jobs at once (default: one per core)"
        )


def executor_of(args: argparse.Namespace) -> Here | Pool | RayExecutor:
    """Return the executor that is asked for; raises `UsageError`, `ExecutorError`."""
    from preforget.jobs.places import executor_on

    return executor_on(args.on, args.workers)


@contextmanager
def listed(executor: Here | Pool | RayExecutor, folder: ModelFolder | None) -> Iterator[None]:
    """Keep the workers' folders in a model's list of copies while they are there, and close the executor at the end.

    What lies on the machines of a cluster stays listed: only whoever ends the cluster knows that it is gone.
    """
    from preforget.erasure.copies import add_copy, remove_copy
    from preforget.jobs.ray_executor import RayExecutor

    try:
        if not isinstance(executor, RayExecutor) or folder is None:
            yield
            return
        if not folder.is_writable():
            note(f"the model can't be changed here, so its list of copies lacks this one: {executor.place}")
            yield
            return
        known = [i for i, copy in folder.manifest.copies.items() if copy["place"] == executor.place]
        mine = known or [add_copy(folder, KIND, executor.place, delete=executor.folder is not None)]
        yield
        if executor.folder is not None:
            executor.close()
            for copy in mine:
                remove_copy(folder, copy)
    finally:
        executor.close()


def list_cluster(executor: Here | Pool | RayExecutor, folder: ModelFolder | None) -> None:
    """Enter the machines of a cluster that has read a new model's inputs into its list of copies."""
    if getattr(executor, "folder", None) is None:
        with listed(executor, folder):
            pass
