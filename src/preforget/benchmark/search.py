"""The search of a method's options on validation data, with the same budget for every method."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from preforget.audit.attacks.mixed_stream import FORGET, RETAIN, RETAIN_TRAIN, tug_of_war
from preforget.baselines import METHODS, read_once
from preforget.benchmark.context import Context, Task, key_of, machine, plain, source_of, space_as_dict
from preforget.benchmark.measures import validated
from preforget.benchmark.search_space import candidates
from preforget.benchmark.trained_models import evaluation_seed, learning, model_of, validation_reference
from preforget.core.errors import DataError, UsageError
from preforget.core.seeds import derive_seed

OBJECTIVE = "tug of war against the retrained model, on validation data"


def best(trials: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the options of the trial with the highest objective, the earliest of equals; None if all have failed.

    >>> best([{"options": {"a": 1}, "tow": 0.5}, {"options": {"a": 2}, "tow": 0.7}, {"options": {}, "tow": None}])
    {'a': 2}
    """
    known = [trial for trial in trials if trial["tow"] is not None]
    return dict(max(known, key=lambda trial: trial["tow"])["options"]) if known else None


def generator(task: Task) -> torch.Generator:
    """Return the generator of an unlearning: its own stream, the same for every configuration."""
    return torch.Generator().manual_seed(derive_seed(task.seed, "unlearn", task.who))


def search(context: Context, task: Task) -> dict[str, Any]:
    """Try every candidate and write the candidates, their results and the choice.

    A candidate whose scores aren't finite, or that can't be used on these classes, has failed, and the table says so.
    A single candidate is chosen without a trial.
    """
    m, entry = context.matrix, context.matrix.method(task.who)
    kind = METHODS[entry.name]
    configurations = candidates(kind, entry.options, entry.search, m.trials, task.seed)
    start = time.perf_counter()
    trials = _trials(context, task, configurations) if len(configurations) > 1 else []
    result = {
        "task": plain(task),
        "objective": OBJECTIVE,
        "budget": m.trials,
        "space": space_as_dict(context, task.who),
        "trials": trials,
        "chosen": best(trials) if trials else configurations[0],
        "seconds": time.perf_counter() - start,
        "machine": machine(context),
    }
    context.work().put(result, *key_of(context, task))
    return result


def _trials(context: Context, task: Task, configurations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    source, rows = source_of(context, task.data), context.matrix.rows
    train = source.data.train
    ordinary = model_of(context, learning(context, task.data, task.who, (), task.seed))
    oracle = validation_reference(context, learning(context, task.data, task.who, task.forgotten, task.seed))
    kind, trials = METHODS[task.who], []
    with read_once(
        source.encoder, train.only(task.forgotten), train.without(task.forgotten), cache_dir=context.cache_dir
    ) as (gone, kept):
        for options in configurations:
            trial: dict[str, Any] = {"options": options, "tow": None}
            start = time.perf_counter()
            try:
                method = kind(kind.config_type.from_options(options))
                model = method.unlearn(method.prepare(ordinary, train), gone, kept, generator(task))
                values = validated(model, source.data, task.forgotten, rows, evaluation_seed(task))
                trial |= {"tow": tug_of_war(values, oracle), "fa": values[FORGET], "ra": values[RETAIN]}
                trial["ra_train"] = values[RETAIN_TRAIN]
            except (DataError, UsageError) as error:
                trial["failed"] = str(error)
            trials.append({**trial, "seconds": time.perf_counter() - start})
    return trials
