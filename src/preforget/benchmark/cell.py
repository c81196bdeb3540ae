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
"""Where a cell starts: an engine, the ordinary classifier, or another classifier that the method prepares."""


def cell(context: Context, task: Task) -> dict[str, Any]:
    """Compute a cell and write its result as plain values.

    Seconds to forget cover forgetting alone: the engine's `forget` in memory for all classes of the set, or the
    method's `unlearn`, which has to read the inputs. Search, preparation and measurement don't count. A method that
    can't be used on this data, or whose scores aren't finite, has `failed` in place of values.
    """
    engine = context.matrix.engine(task.who) is not None
    result: dict[str, Any] = {"cell": plain(task), "made": now(), "machine": machine(context)}
    if engine:
        result |= _engine_cell(context, task)
    else:
        try:
            result |= _method_cell(context, task)
        except (DataError, UsageError) as error:
            result |= {"failed": str(error)}
    context.work().put(result, *key_of(context, task))
    return result


def _engine_cell(context: Context, task: Task) -> dict[str, Any]:
    full_learning = learning(context, task.data, task.who, (), task.seed)
    retraining = learning(context, task.data, task.who, task.forgotten, task.seed)
    original = model_of(context, full_learning)

    def forget(model: Any) -> Any:
        for label in task.forgotten:
            model.forget(label)
        return model

    model, seconds = timed(original.copy, forget, original.engine_.encoder.device)
    values, retrain = _measured(context, task, model), reference(context, retraining)
    return {
        "starts_from": ENGINE,
        "values": {
            **compared(values, retrain),
            "forget_seconds": seconds,
            "learn_seconds": facts_of(context, full_learning)["seconds"],
            "parameters": float(parameters(original)),
            "bytes": float(stored_bytes(original)),
        },
        "measured": values,
        "retrain": {**retrain, "learn_seconds": facts_of(context, retraining)["seconds"]},
        "options": original.engine_.config.as_dict(),
    }


def _method_cell(context: Context, task: Task) -> dict[str, Any]:
    work, search_task = context.work(), searched(context, task)
    search_result = work.get(*key_of(context, search_task)) or search(context, search_task)
    if search_result["chosen"] is None:
        raise UsageError(
            f"all {len(search_result['trials'])} configurations failed: {search_result['trials'][0]['failed']}"
        )
    source, kind = source_of(context, task.data), METHODS[task.who]
    full_learning = learning(context, task.data, task.who, (), task.seed)
    retraining = learning(context, task.data, task.who, task.forgotten, task.seed)
    ordinary, retrained = model_of(context, full_learning), model_of(context, retraining)
    method, train = kind(kind.config_type.from_options(search_result["chosen"])), source.data.train
    gone, kept = train.only(task.forgotten), train.without(task.forgotten)
    start = time.perf_counter()
    original = method.prepare(ordinary, train)
    wait(source.encoder.device)
    prepared = time.perf_counter() - start
    if isinstance(method, Retrain):  # the reference is its result, already learned and timed
        model, seconds = retrained, facts_of(context, retraining)["seconds"]
    else:
        model, seconds = timed(
            lambda: generator(task),
            lambda stream: method.unlearn(original, gone, kept, stream),
            source.encoder.device,
        )
    values, retrain = _measured(context, task, model), reference(context, retraining)
    prepares_another = original is not ordinary
    if prepares_another:
        retrain = _measured(context, task, method.prepare(retrained, kept))
    return {
        "starts_from": OWN if prepares_another else LORA_HEAD,
        "values": {
            **compared(values, retrain),
            "forget_seconds": seconds,
            "learn_seconds": prepared if prepares_another else facts_of(context, full_learning)["seconds"],
            "parameters": float(parameters(original)),
            "bytes": float(stored_bytes(original)),
        },
        "measured": values,
        "retrain": {**retrain, "learn_seconds": facts_of(context, retraining)["seconds"]},
        "options": search_result["chosen"],
        "search": search_result,
    }


def _measured(context: Context, task: Task, model: Any) -> Values:
    seed = evaluation_seed(task)
    parts = parts_for(source_of(context, task.data).data, task.forgotten, context.matrix.rows, seed)
    return measured(model, parts, seed, recovery=recovers(context.matrix))
