"""Seconds, parameters and bytes, measured in the same way for engines and for methods."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from statistics import median
from typing import Any, TypeVar

import torch
from torch import Tensor

from preforget.audit.attacks import cost
from preforget.backbones.encoder import Encoder
from preforget.classifier import PreForgettableClassifier

T = TypeVar("T")
S = TypeVar("S")

REPEATS = 5
ENOUGH = 1.0
"""Total seconds after which a call isn't repeated."""


def timed(prepare: Callable[[], S], call: Callable[[S], T], device: torch.device) -> tuple[T, float]:
    """Return what `call(prepare())` returns and its seconds, the median of up to `REPEATS` if it is fast.

    The time of `prepare` doesn't count. The GPU is idle before the clock starts and before it stops.
    """
    seconds: list[float] = []
    while True:
        argument = prepare()
        wait(device)
        start = time.perf_counter()
        result = call(argument)
        wait(device)
        seconds.append(time.perf_counter() - start)
        if len(seconds) == REPEATS or sum(seconds) >= ENOUGH:
            return result, median(seconds)


def wait(device: torch.device) -> None:
    """Wait until a GPU has finished all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def parameters(model: Any) -> int:
    """Return how many numbers were learned by gradient; sums and closed forms don't count."""
    if isinstance(model, PreForgettableClassifier):
        return cost.trained(model.engine_, model.engine_.records()) + cost.shared_parameters(model.engine_)
    tensors = getattr(model, "parameters", {})
    return sum(tensor.numel() for tensor in tensors.values()) if isinstance(tensors, Mapping) else 0


def stored_bytes(model: Any) -> int:
    """Return the bytes of all tensors that a model needs beside the backbone, to answer and to forget."""
    if isinstance(model, PreForgettableClassifier):
        engine = model.engine_
        return cost.bytes_of([*cost.tensors(engine.records()), *engine.shared_tensors().values()])
    return cost.bytes_of(held_tensors(model))


def held_tensors(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in a model's attributes, nested in mappings and lists too; nothing of an encoder."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from held_tensors(member)
    elif isinstance(value, (list, tuple)):
        for member in value:
            yield from held_tensors(member)
    elif is_dataclass(value) and not isinstance(value, (type, Encoder)):
        for field in fields(value):
            yield from held_tensors(getattr(value, field.name))
    elif hasattr(value, "__dict__") and not isinstance(value, (type, Encoder)) and not callable(value):
        yield from held_tensors(vars(value))
