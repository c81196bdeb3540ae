"""Estimates a benchmark's time and memory by running a small part of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import torch

from preforget.audit.attacks import cost
from preforget.baselines import METHODS, LoraHead, LoraHeadConfig
from preforget.benchmark.context import Context, Task, recovers, source_of, stages
from preforget.benchmark.matrix_file import LORA
from preforget.benchmark.measures import ASKED, measured, parts_for
from preforget.benchmark.run import is_done
from preforget.benchmark.sources import Source, limited
from preforget.benchmark.timing import wait
from preforget.benchmark.trained_models import evaluation_seed
from preforget.engines import ENGINES
from preforget.engines.base import Session

EACH = 8
"""Inputs per class of the small part that is run for the measurement."""
FEW, MORE = 1, 3
"""Epochs of two trainings; their difference gives the pace of an epoch."""


@dataclass(frozen=True)
class Estimate:
    """`seconds` with all workers at once; `process_bytes`: peak memory of one process; `device_bytes`: of the GPU.

    `tasks`: how many are left; `by_data`: seconds for each data set.
    """

    seconds: float
    process_bytes: int
    device_bytes: int
    tasks: int
    by_data: dict[str, float]


@dataclass(frozen=True)
class Pace:
    """Seconds of learning, by learner: `steps` per input and epoch, `fixed` per input whatever the epochs.

    `answer`: seconds to score one input; `attack`: seconds of all other measurements on a model; `state_bytes`: bytes
    of the hidden states of the training part.
    """

    steps: dict[str, float]
    fixed: dict[str, float]
    answer: float
    attack: float
    state_bytes: int


def estimate(context: Context) -> Estimate:
    """Learn from a few inputs with every engine and with LoRA, and count the tasks that are left.

    The figure is rough: a small part runs at another pace than the whole, processes slow each other down, and a method
    is assumed to take as long as its epochs of the ordinary classifier. Nothing in the folder changes.
    """
    waiting = [task for tasks in stages(context) for task in tasks if not is_done(context, task)]
    by_data, states = {}, 0
    for name in context.known:
        tasks_here = [task for task in waiting if task.data == name]
        if tasks_here:
            pace = pace_of(context, name)
            by_data[name] = sum(seconds_of(context, task, pace) for task in tasks_here) / context.workers
            states = max(states, pace.state_bytes)
    used = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    held = 0 if context.cache_dir else states
    return Estimate(
        sum(by_data.values()),
        (cost.peak_bytes() or 0) + held,
        used + held * bool(used),
        len(waiting),
        by_data,
    )


def pace_of(context: Context, name: str) -> Pace:
    """Measure a data set's pace on `EACH` inputs per class."""
    source, matrix = source_of(context, name), context.matrix
    some = len(source.data.classes) * EACH
    small = replace(
        source.data,
        train=limited(source.data.train, some),
        validation=limited(source.data.validation, some),
        test=limited(source.data.test, some),
    )
    steps, fixed = dict[str, float](), dict[str, float]()

    def learned(learner: str, epochs: int) -> tuple[float, Any]:
        entry = matrix.engine(learner)
        if entry is None:
            head = LoraHead(source.encoder, LoraHeadConfig(**{**matrix.lora, "epochs": epochs}))
            return _seconds(source, lambda: head.learn(small.train, Session())), head
        options = ENGINES[entry.engine].options_type.from_options(entry.options).as_dict()
        changed = {"epochs": epochs} if "epochs" in options else {}
        engine = source.engine(entry.engine, {**entry.options, **changed}, 0)
        return _seconds(source, lambda: engine.learn(small.train, small.validation, Session())), engine

    head: Any = None
    for learner in [setting.name for setting in matrix.engines] + [LORA]:
        few, _ = learned(learner, FEW)
        more, head = learned(learner, MORE)
        steps[learner] = max(more - few, 0.0) / (MORE - FEW) / len(small.train)
        fixed[learner] = max(few / len(small.train) - FEW * steps[learner], 0.0)
    seed = evaluation_seed(Task("learn", name, LORA, (), 0))
    parts = parts_for(small, small.classes[:1], matrix.rows, seed)
    answer = _seconds(source, lambda: head.scores(small.train.inputs)) / len(small.train)
    attack = _seconds(source, lambda: measured(head, parts, seed, recovery=recovers(matrix)))
    states = head.encoder.embed(head.encoder.read(small.train.inputs, range(1)))
    return Pace(steps, fixed, answer, attack, states.numel() * states.element_size() * len(source.data.train))


def seconds_of(context: Context, task: Task, pace: Pace) -> float:
    """Return roughly how many seconds a task takes in one process."""
    matrix, counts = context.matrix, context.known[task.data].counts
    images, entry = counts["train"], matrix.engine(task.who)
    answering = pace.answer * (counts["test"] + min(2 * ASKED * matrix.rows, images))
    measure = answering + pace.attack
    if task.kind == "learn":
        kind = LoraHeadConfig if entry is None else ENGINES[entry.engine].options_type
        config = kind.from_options(matrix.lora if entry is None else entry.options)
        learn = images * (pace.fixed[task.who] + pace.steps[task.who] * epochs_of(config, images))
        return learn + measure * bool(task.forgotten)
    if entry is not None:
        return measure
    options = METHODS[task.who].config_type.from_options(matrix.method(task.who).options)
    once = pace.steps[LORA] * epochs_of(options, images) * images
    return (once + answering) * matrix.trials if task.kind == "search" else once + measure


def epochs_of(config: Any, images: int) -> int:
    """Return how often a configuration sees each input, 1 if it has no epochs."""
    if hasattr(config, "schedule"):
        return int(config.schedule(images).epochs)
    return int(getattr(config, "epochs", 1) or 1)


def _seconds(source: Source, call: Any) -> float:
    wait(source.encoder.device)
    start = time.perf_counter()
    call()
    wait(source.encoder.device)
    return time.perf_counter() - start
