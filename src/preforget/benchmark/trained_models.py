"""Models that several cells share: learned once, kept in the folder, and measured once if they are a reference."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy.typing as npt
import torch

from preforget.baselines import LoraHead, LoraHeadConfig
from preforget.benchmark.context import Context, Key, Task, key_of, machine, plain, recovers, source_of
from preforget.benchmark.matrix_file import LORA
from preforget.benchmark.measures import Values, measured, parts_for, validated
from preforget.benchmark.timing import wait
from preforget.classifier import PreForgettableClassifier
from preforget.classifier.packing import fill_from_arrays, records_as_arrays
from preforget.core.seeds import derive_seed
from preforget.engines.base import Session


def learning(context: Context, data: str, who: str, forgotten: tuple[str, ...], seed: int) -> Task:
    """Return the task that learns the model; all methods share the ordinary classifier."""
    return Task("learn", data, who if context.matrix.engine(who) else LORA, forgotten, seed)


def learn(context: Context, task: Task) -> None:
    """Learn a model and keep it; measure it if classes were left out, since others are compared with it."""
    model_of(context, task)
    if task.forgotten:
        reference(context, task)
        if task.who == LORA:
            validation_reference(context, task)


def is_learned(context: Context, task: Task) -> bool:
    """Tell whether `learn` has nothing left to do."""
    work, key = context.work(), key_of(context, task)
    needed = [("learned", *key)]
    if task.forgotten:
        needed.append(_reference(context, task))
        if task.who == LORA:
            needed.append(_validation(context, task))
    return all(work.get(*key_needed) is not None for key_needed in needed)


@lru_cache(maxsize=4)
def model_of(context: Context, task: Task) -> Any:
    """Return a learned model, from the folder or learned now; copy it before changing it.

    An engine is retrained even if only one class stays, which `fit` refuses: that class is told apart from "none of
    them" alone.
    """
    work, key = context.work(), key_of(context, task)
    source, entry = source_of(context, task.data), context.matrix.engine(task.who)
    facts = work.get("learned", *key)
    arrays = None if facts is None else work.get_arrays("model", *key)
    train, validation = (part.without(task.forgotten) for part in (source.data.train, source.data.validation))
    if entry is None:
        head = LoraHead(source.encoder, LoraHeadConfig(**{**context.matrix.lora, "seed": task.seed}))
        if facts is None or arrays is None:
            seconds = _seconds(head, lambda session: head.learn(train, session), context)
            arrays = {name: tensor.cpu().numpy() for name, tensor in head.parameters.items()}
            _keep(context, task, arrays, {"seconds": seconds, "labels": head.labels})
        else:
            head.labels = facts["labels"]
            head.parameters = {
                name: torch.from_numpy(values).to(head.encoder.device) for name, values in arrays.items()
            }
        return head
    engine = source.engine(entry.engine, entry.options, task.seed)
    if facts is None or arrays is None:
        learn_all = engine.learn
        seconds = _seconds(engine, lambda session: learn_all(train, validation, session), context)
        _keep(context, task, records_as_arrays(engine), {"seconds": seconds})
    else:
        fill_from_arrays(engine, arrays)
    return PreForgettableClassifier.from_engine(engine)


def facts_of(context: Context, task: Task) -> dict[str, Any]:
    """Return the facts of a finished training: `seconds` and `machine`."""
    facts: dict[str, Any] = context.work().get("learned", *key_of(context, task))
    return facts


def reference(context: Context, task: Task) -> Values:
    """Return the measures of a retrained model on test data."""
    m = context.matrix

    def make() -> Values:
        parts = parts_for(source_of(context, task.data).data, task.forgotten, m.rows, evaluation_seed(task))
        return measured(model_of(context, task), parts, evaluation_seed(task), recovery=recovers(m))

    return context.work().once(make, *_reference(context, task))


def validation_reference(context: Context, task: Task) -> Values:
    """Return the accuracies of a retrained model on validation data, which a search compares with."""

    def make() -> Values:
        data, rows = source_of(context, task.data).data, context.matrix.rows
        return validated(model_of(context, task), data, task.forgotten, rows, evaluation_seed(task))

    return context.work().once(make, *_validation(context, task))


def evaluation_seed(task: Task) -> int:
    """Return the seed of sampling and attacks: the same for a model and its retrain, not the seed of learning."""
    return derive_seed(task.seed, "evaluation") % 2**31


def _seconds(learner: Any, learn: Callable[[Session], None], context: Context) -> float:
    """Learn and return the seconds from inputs to a model, hidden states included."""
    device = learner.encoder.device
    wait(device)
    start = time.perf_counter()
    learn(Session(cache_dir=context.cache_dir))
    wait(device)
    return time.perf_counter() - start


def _keep(context: Context, task: Task, arrays: dict[str, npt.NDArray[Any]], facts: dict[str, Any]) -> None:
    """Write the model before its facts: a training counts as done once its facts are written."""
    work, key = context.work(), key_of(context, task)
    work.put_arrays(arrays, "model", *key)
    work.put({"task": plain(task), **facts, "machine": machine(context)}, "learned", *key)


def _reference(context: Context, task: Task) -> Key:
    return ("reference", context.matrix.rows, recovers(context.matrix), *key_of(context, task))


def _validation(context: Context, task: Task) -> Key:
    return ("validation", context.matrix.rows, *key_of(context, task))
