"""What all jobs of a benchmark share, and the keys of its results."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from preforget.backbones.precision import choose_device
from preforget.baselines import METHODS, LoraHeadConfig
from preforget.benchmark.class_sets import drawn, sizes
from preforget.benchmark.columns import RECOVERY
from preforget.benchmark.matrix import FIRST, Matrix
from preforget.benchmark.matrix_file import LORA
from preforget.benchmark.search_space import candidates, space_of
from preforget.benchmark.sources import Source, is_to_be_had, open_source
from preforget.engines import ENGINES
from preforget.jobs.claims import STALE_AFTER
from preforget.jobs.work import Work
from preforget.store.side_key import SideKey

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Known:
    """What must be known of a data set before it is opened again: classes, digest, sizes of parts."""

    classes: tuple[str, ...]
    recipe: str
    note: str
    counts: dict[str, int]
    backbone: str
    image_size: int
    dtype: str


@dataclass(frozen=True, eq=False)
class Context:
    """Everything that a job needs; it can be sent to another process.

    `folder` holds results, models and claims; `known`: data sets that are available; `left_out`: data sets that are
    not available on this machine; `workers`: how many processes work at once on it; `lock`: the key of the files in
    the folder, if they are encrypted.
    """

    matrix: Matrix
    folder: Path
    known: dict[str, Known] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    device: str = "auto"
    data_dir: Path | None = None
    download: bool = True
    cache_dir: Path | None = None
    workers: int = 1
    stale_after: float = STALE_AFTER
    lock: SideKey | None = None

    def work(self) -> Work:
        """Open the folder of results."""
        return Work(self.folder, self.lock)


@dataclass(frozen=True)
class Task:
    """One piece of work: `learn` a model, `search` a method's options, or a `cell`.

    `who`: `LORA`, an engine or a method; `forgotten`: the classes that are left out or forgotten, none for an original.
    """

    kind: str
    data: str
    who: str
    forgotten: tuple[str, ...]
    seed: int


def begin(
    matrix: Matrix,
    folder: Path,
    *,
    device: str = "auto",
    data_dir: Path | None = None,
    download: bool = True,
    cache_dir: Path | None = None,
    workers: int = 1,
    lock: SideKey | None = None,
) -> Context:
    """Check every data set, so that an error is reported before hours of work; raises what the checks raise."""
    known, left_out = {}, []
    for entry in matrix.data:
        if not is_to_be_had(entry):
            left_out.append(entry.name)
            continue
        source = open_source(entry, device=device, dtype=matrix.dtype, data_dir=data_dir, download=download)
        sizes(matrix.k, len(source.data.classes))
        encoder_facts = source.encoder.describe()
        known[entry.name] = Known(
            classes=source.data.classes,
            recipe=source.recipe,
            note=source.note,
            counts={part: len(getattr(source.data, part)) for part in ("train", "validation", "test")},
            backbone=Path(encoder_facts["id"]).name
            if Path(encoder_facts["id"]).is_dir()
            else encoder_facts["id"],  # no paths of a machine
            image_size=encoder_facts["image_size"],
            dtype=encoder_facts["dtype"],
        )
    return Context(
        *(matrix, folder, known, tuple(left_out), device, data_dir, download, cache_dir, workers), lock=lock
    )


@lru_cache(maxsize=1)
def source_of(context: Context, name: str) -> Source:
    """Open a data set that is available."""
    return open_source(
        context.matrix.entry(name),
        device=context.device,
        dtype=context.matrix.dtype,
        data_dir=context.data_dir,
        download=context.download,
    )


def cases(context: Context, name: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield every set of classes to forget with every seed."""
    m, classes = context.matrix, context.known[name].classes
    for k in sizes(m.k, len(classes)):
        for forgotten in drawn(classes, k, m.sets, m.sets_seed):
            for seed in m.seeds:
                yield forgotten, seed


def stages(context: Context) -> list[list[Task]]:
    """Return all tasks; the tasks of a list need only those of the lists before it."""
    m, all_stages = context.matrix, []
    for name in context.known:
        learners = [LORA] * bool(m.methods) + [entry.name for entry in m.engines]
        all_cases = list(cases(context, name))
        learn = [Task("learn", name, contender, (), seed) for seed in m.seeds for contender in learners]
        learn += [Task("learn", name, contender, *case) for case in all_cases for contender in learners]
        names = [entry.name for entry in m.engines] + [entry.name for entry in m.methods]
        cells = [Task("cell", name, contender, *case) for case in all_cases for contender in names]
        search = [searched(context, cell) for cell in cells if m.engine(cell.who) is None]
        all_stages += [learn, list(dict.fromkeys(search)), cells]
    return all_stages


def searched(context: Context, cell: Task) -> Task:
    """Return the search whose choice a method's cell uses: its own, or that of the first set of the same size."""
    m = context.matrix
    if m.search != FIRST:
        return Task("search", cell.data, cell.who, cell.forgotten, cell.seed)
    first = drawn(context.known[cell.data].classes, len(cell.forgotten), m.sets, m.sets_seed)[0]
    return Task("search", cell.data, cell.who, first, m.seeds[0])


def key_of(context: Context, task: Task) -> Key:
    """Return everything that a task's result depends on, as plain values: the same on every machine."""
    m = context.matrix
    case = [context.known[task.data].recipe, list(task.forgotten), task.seed]
    entry = m.engine(task.who)
    if task.kind == "learn" and entry is None:
        return ("learn", LORA, LoraHeadConfig.from_options(m.lora).as_dict(), *case)
    if entry is not None:
        options = ENGINES[entry.engine].options_type.from_options(entry.options).as_dict()
        key: Key = (task.kind, entry.engine, options, *case)
        return key if task.kind == "learn" else (*key, m.rows, recovers(m))
    method = m.method(task.who)
    kind = METHODS[method.name]
    configurations = candidates(kind, method.options, method.search, m.trials, searched(context, task).seed)
    known_as = method.name if method.file_digest is None else [method.name, method.file_digest]
    key = (task.kind, known_as, configurations, LoraHeadConfig.from_options(m.lora).as_dict(), *case, m.rows)
    if task.kind == "search":
        return key
    return (*key, recovers(m), list(key_of(context, searched(context, task))))


def recovers(matrix: Matrix) -> bool:
    """Tell whether a matrix asks for key recovery."""
    return any(name in RECOVERY for name in matrix.measures)


def space_as_dict(context: Context, method_name: str) -> dict[str, list[Any]]:
    """Return a method's search space as plain values."""
    method = context.matrix.method(method_name)
    return {
        name: list(values)
        for name, values in space_of(METHODS[method_name], method.options, method.search).items()
    }


def machine(context: Context) -> dict[str, Any]:
    """Return the hardware and software behind a result, without the machine's name."""
    device = choose_device(context.device)
    return {
        "processor": platform.processor() or platform.machine(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "workers": context.workers,
        "torch": torch.__version__,
    }


def plain(task: Task) -> dict[str, Any]:
    """Return a task as plain values."""
    return {**asdict(task), "forgotten": list(task.forgotten), "k": len(task.forgotten)}
