"""Learn in several processes that torchrun has started, to the bits of one process (exact engine).

Each process reads a share of the inputs, the sums are added by torch.distributed, and every process ends with the same
model; only one of them saves it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist

from preforget.backbones.pinned import pinned
from preforget.classifier.parts import learning_digest
from preforget.classifier.public import PreForgettableClassifier
from preforget.classifier.spread import bits_of, check_sums
from preforget.core.errors import DataError, UsageError
from preforget.engines.all_reduce import gathered, joined_everywhere
from preforget.engines.base import Session
from preforget.engines.shards import Shard
from preforget.engines.summing import HELD_OUT_ROWS, sum_up

COMMAND = (
    "torchrun --nproc-per-node 2 -m preforget.cli.main learn DATA --engine exact --on torchrun --out MODEL"
)
NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@contextmanager
def process_group(backend: str = "gloo") -> Iterator[int]:
    """Connect the processes that torchrun has started, and yield the rank of this one.

    `backend`: `gloo` for sums on processors, `nccl` for sums on GPUs. Raises `UsageError` where torchrun has started
    nothing.
    """
    if not all(name in os.environ for name in NEEDED):
        raise UsageError(f"this process wasn't started by torchrun; write: {COMMAND}")
    dist.init_process_group(backend)
    try:
        yield dist.get_rank()
    finally:
        dist.destroy_process_group()


@pinned
def fit_together(
    model: PreForgettableClassifier,
    X: Any,
    y: Any = None,
    validation: Any = None,
    *,
    subjects: Any = None,
    keep_similar_names: bool = False,
    progress: bool = False,
) -> PreForgettableClassifier:
    """Learn as `fit` does, in every process of a group of torch.distributed, each of which reads a share.

    Args:
        model: A model with the exact engine that has learned nothing yet, with the same parameters in each process.
        X: See `PreForgettableClassifier.fit`; the same in each process.
        y: See `fit`.
        validation: See `fit`.
        subjects: See `fit`.
        keep_similar_names: See `fit`.
        progress: Show progress on stderr.

    Returns:
        The model itself, the same in every process.

    Raises:
        UsageError: The engine learns no sums, or prompts of pairs are asked for, which need all inputs.
        DataError: As in `fit`, or the processes have other data or options, or compute other bits.
    """
    model._check_unlearned()
    engine, train, held_out, label_kind = model._to_learn(
        X, y, validation, subjects, None, keep_similar_names
    )
    exact = check_sums(engine, "over several machines")
    device = _device()
    if len({*gathered(learning_digest(exact, train, held_out).encode(), device)}) > 1:
        raise DataError("the processes were given other data, other options or another encoder")
    if len({*gathered(bits_of(exact).encode(), device)}) > 1:
        raise DataError(
            "the processes compute other bits: all machines need the same kind of processor and the same libraries and "
            "number of threads"
        )
    shard = Shard(dist.get_rank() + 1, dist.get_world_size())
    units = sum_up(exact.reading, train, held_out, Session(show=progress), shard)
    exact.restore(joined_everywhere(units, exact.bank.layout, HELD_OUT_ROWS, device), {})
    model._begin(exact, Session(), label_kind)
    return model


def _device() -> torch.device:
    """Return where numbers must be for the group to add them."""
    if dist.get_backend() != "nccl":
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
