"""The cost of forgetting: time, bytes, parameters, and how much data it touches."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable

import numpy as np
from torch import Tensor

from preforget.audit.attacks.attack import About, Finding
from preforget.audit.attacks.registry import register_attack
from preforget.audit.attacks.scene import ORIGINAL, RETRAIN, Scene
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import UsageError
from preforget.engines.base import Engine
from preforget.engines.pair_prompts import PREFIX
from preforget.engines.prompted import PromptEngine
from preforget.records import ClassRecord

TITLES = {
    "forget_seconds": "seconds to forget, in memory",
    "learn_seconds": "seconds to learn",
    "record_bytes": "bytes of the deleted records",
    "model_bytes": "bytes of the whole model, without the backbone",
    "parameters": "trained parameters",
    "class_parameters": "trained parameters of the class",
    "data_touched": "inputs touched at forgetting",
    "peak_bytes": "peak memory of the process, bytes",
}
ABOUT = About(
    name="cost",
    title="Cost",
    asks="What does it take to forget a class, and to learn the model? Nothing here is judged.",
    source="field practice",
    margin=0.0,
    titles=TITLES,
    unjudged=frozenset(TITLES),
)


def measure(
    model: PreForgettableClassifier, label: str, learn_seconds: float | None = None, repeats: int = 5
) -> Finding:
    """Measure forgetting `label` on copies in memory; the model stays as it is.

    `forget_seconds`: median of `repeats`, derived values included but no folder, since that would measure the disk;
    `peak_bytes`: of this process since its start, not of forgetting alone, left out on Windows; `data_touched` is 0
    because `forget` takes no data. Raises `UnknownLabelError`, and `UsageError` for less than one repeat.
    """
    if repeats < 1:
        raise UsageError(f"repeats must be at least 1, got {repeats}")
    engine = model.engine_
    affected = engine.affected_records(label)
    values = {
        "forget_seconds": float(np.median([forget_seconds(model, label) for _ in range(repeats)])),
        "record_bytes": float(bytes_of(tensors(affected))),
        "model_bytes": float(bytes_of([*tensors(engine.records()), *engine.shared_tensors().values()])),
        "parameters": float(trained(engine, engine.records()) + shared_parameters(engine)),
        "class_parameters": float(trained(engine, affected)),
        "data_touched": 0.0,
    }
    if learn_seconds is not None:
        values["learn_seconds"] = float(learn_seconds)
    peak = peak_bytes()
    if peak is not None:
        values["peak_bytes"] = float(peak)
    return Finding(values)


@register_attack(ABOUT, roles=(ORIGINAL, RETRAIN))
def attack_scene(scene: Scene) -> Finding | None:
    """Forget the class in Original, the first class in Retrain; None for models of other packages."""
    if not isinstance(scene.model, PreForgettableClassifier):
        return None
    label = scene.forgotten[0] if scene.role == ORIGINAL else scene.model.labels[0]
    return measure(scene.model, label, scene.learn_seconds)


def forget_seconds(model: PreForgettableClassifier, label: str) -> float:
    """Return the seconds of a real `forget` on a copy without a folder; copying doesn't count."""
    copy = model.copy()
    start = time.perf_counter()
    copy.forget(label)
    return time.perf_counter() - start


def trained(engine: Engine, records: Iterable[ClassRecord]) -> int:
    """Return how many numbers of the records were learned by gradient; sums, quantiles and closed forms don't count."""
    names = set(engine.learned_shapes()) if isinstance(engine, PromptEngine) else set()
    return sum(
        tensor.numel()
        for record in records
        for name, tensor in record.tensors.items()
        if name in names or name.startswith(PREFIX)
    )


def shared_parameters(engine: Engine) -> int:
    """Return how many numbers that no class owns were learned."""
    return sum(tensor.numel() for tensor in engine.shared_tensors().values())


def tensors(records: Iterable[ClassRecord]) -> list[Tensor]:
    """Return all tensors of the records."""
    return [tensor for record in records for tensor in record.tensors.values()]


def bytes_of(several: Iterable[Tensor]) -> int:
    """Return the size of tensors in bytes, as a file holds them.

    >>> import torch
    >>> bytes_of([torch.zeros(2, 3), torch.zeros((), dtype=torch.float64)])
    32
    """
    return sum(tensor.numel() * tensor.element_size() for tensor in several)


def peak_bytes() -> int | None:
    """Return the largest resident size that this process ever had, None on Windows."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
