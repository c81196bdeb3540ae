"""The options of work that other processes or machines do, and the list of copies that it leaves."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preforget.cli.console import note
from preforget.core.errors import UsageError
from preforget.core.paths import given_path

if TYPE_CHECKING:
    from preforget.classifier.model import Model
    from preforget.jobs.executor import Executor, Here, Pool
    from preforget.jobs.ray_executor import RayExecutor
    from preforget.jobs.work import Work
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


def add_work(parser: argparse.ArgumentParser) -> None:
    """Add a folder for finished parts."""
    parser.add_argument(
        "--work",
        metavar="DIR",
        type=Path,
        help="with --on: folder for finished parts, so that the same command goes on after an interruption; it is a "
        "listed copy, encrypted if the model is, and deleted at the end",
    )


def check_work(args: argparse.Namespace) -> None:
    """Raise `UsageError` for options of work elsewhere without a place."""
    if args.on is None and (args.work is not None or args.workers is not None):
        raise UsageError("--work and --workers are about --on, such as --on processes; give that, too")


@contextmanager
def elsewhere(args: argparse.Namespace, model: Model) -> Iterator[tuple[Executor, Work | None]]:
    """Yield the executor that is asked for and the folder of finished parts; both are gone after the work is done."""
    from preforget.audit.work_place import end_work, opened_work
    from preforget.jobs.work import Work

    folder = None if args.work is None else given_path(args.work)
    with listed(executor := executor_of(args), model.folder):
        if folder is None:
            yield executor, None
            return
        with opened_work(folder, model) as key:
            yield executor, Work(folder, key)
        end_work(folder, model)


def files_digest(files: Sequence[Path]) -> str:
    """Return a digest of paths, sizes and times of files, which is another once one was changed."""
    from preforget.core.hashing import value_digest

    marks = [(str(path), found.st_size, found.st_mtime_ns) for path in files for found in (path.stat(),)]
    return value_digest([list(mark) for mark in marks])


def state_of(model: Model) -> list[Any]:
    """Return what a model's answers depend on, as plain values: the folder's records and what was chosen here."""
    keep, folder = model.keep_, model.folder
    m = None if folder is None else folder.manifest
    state = None if m is None else [m.model, dict(m.records), dict(m.packs), sorted(m.detached)]
    return [state, float(keep), dict(keep.classes), int(model.shortlist), model.on_unknown]


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
