"""One cell of the matrix: forget a set of classes with one engine or method, and measure the result."""

from __future__ import annotations

import time
from typing import Any

from preforget.baselines import METHODS
from preforget.baselines.retrain import Retrain
from preforget.benchmark.context import Context, Task, key_of, machine, plain, recovers, searched, source_of
from preforget.benchmark.measures import Values, compared, measured, parts_for
from preforget.benchmark.search import generator, search
from preforget.benchmark.timing import parameters, stored_bytes, timed, wait
from preforget.benchmark.trained_models import evaluation_seed, facts_of, learning, model_of, reference
from preforget.core.clock import now
from preforget.core.errors import DataError, UsageError

ENGINE, LORA_HEAD, OWN = "engine", "lora", "own"
"""What a cell starts from: an engine, the ordinary classifier, or another classifier that the method prepares."""


def cell(context: Context, task: Task) -> dict[str, Any]:
    """Do a cell and write its result as plain values.

    Seconds to forget are those of forgetting alone: of the engine's `forget` in memory for all classes of the set, or
    of the method's `unlearn` on plain images, which it has to read. Search, preparing and measuring don't count. A
    method that can't be used here, or gives scores that aren't finite, has `failed` in place of values.
    """
    engine = context.matrix.engine(task.who) is not None
    found: dict[str, Any] = {"cell": plain(task), "made": now(), "machine": machine(context)}
    if engine:
        found |= _engine_cell(context, task)
    else:
        try:
            found |= _method_cell(context, task)
        except (DataError, UsageError) as error:
            found |= {"failed": str(error)}
    context.work().put(found, *key_of(context, task))
    return found


def _engine_cell(context: Context, task: Task) -> dict[str, Any]:
    whole = learning(context, task.data, task.who, (), task.seed)
    oracle = learning(context, task.data, task.who, task.forgotten, task.seed)
    original = model_of(context, whole)

    def forget(model: Any) -> Any:
        for label in task.forgotten:
            model.forget(label)
        return model

    model, seconds = timed(original.copy, forget, original.engine_.encoder.device)
    values, retrain = _measured(context, task, model), reference(context, oracle)
    return {
        "starts_from": ENGINE,
        "values": {
            **compared(values, retrain),
            "forget_seconds": seconds,
            "learn_seconds": facts_of(context, whole)["seconds"],
            "parameters": float(parameters(original)),
            "bytes": float(stored_bytes(original)),
        },
        "measured": values,
        "retrain": {**retrain, "learn_seconds": facts_of(context, oracle)["seconds"]},
        "options": original.engine_.config.as_dict(),
    }


def _method_cell(context: Context, task: Task) -> dict[str, Any]:
    work, wanted = context.work(), searched(context, task)
    found = work.get(*key_of(context, wanted)) or search(context, wanted)
    if found["chosen"] is None:
        raise UsageError(f"all {len(found['trials'])} configurations failed: {found['trials'][0]['failed']}")
    source, kind = source_of(context, task.data), METHODS[task.who]
    whole = learning(context, task.data, task.who, (), task.seed)
    oracle = learning(context, task.data, task.who, task.forgotten, task.seed)
    ordinary, retrained = model_of(context, whole), model_of(context, oracle)
    method, train = kind(kind.config_type.from_options(found["chosen"])), source.data.train
    gone, kept = train.only(task.forgotten), train.without(task.forgotten)
    start = time.perf_counter()
    original = method.prepare(ordinary, train)
    wait(source.encoder.device)
    prepared = time.perf_counter() - start
    if isinstance(method, Retrain):  # the reference is what it does, already done and timed
        model, seconds = retrained, facts_of(context, oracle)["seconds"]
    else:
        model, seconds = timed(
            lambda: generator(task),
            lambda stream: method.unlearn(original, gone, kept, stream),
            source.encoder.device,
        )
    values, retrain = _measured(context, task, model), reference(context, oracle)
    own = original is not ordinary
    if own:
        retrain = _measured(context, task, method.prepare(retrained, kept))
    return {
        "starts_from": OWN if own else LORA_HEAD,
        "values": {
            **compared(values, retrain),
            "forget_seconds": seconds,
            "learn_seconds": prepared if own else facts_of(context, whole)["seconds"],
            "parameters": float(parameters(original)),
            "bytes": float(stored_bytes(original)),
        },
        "measured": values,
        "retrain": {**retrain, "learn_seconds": facts_of(context, oracle)["seconds"]},
        "options": found["chosen"],
        "search": found,
    }


def _measured(context: Context, task: Task, model: Any) -> Values:
    seed = evaluation_seed(task)
    parts = parts_for(source_of(context, task.data).data, task.forgotten, context.matrix.rows, seed)
    return measured(model, parts, seed, recovery=recovers(context.matrix))
