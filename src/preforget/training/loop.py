"""The training loop: seeded order, warm-up and cosine schedule, a checkpoint after every epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from preforget.core.seeds import derive_seed
from preforget.training.adam import Adam
from preforget.training.checkpoint import Checkpoint
from preforget.training.progress import track

Step = Callable[[Tensor, torch.Generator], None]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast. The rate rises over `warmup_steps` steps and, with `cosine`, falls to zero by the end."""

    epochs: int
    batch_size: int
    learning_rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    warmup_steps: int = 0
    cosine: bool = False

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate of step `step` of `steps`."""
        warm = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        fall = 0.5 * (1 + math.cos(math.pi * step / steps)) if self.cosine else 1.0
        return self.learning_rate * warm * fall


def run(
    parameters: Mapping[str, Tensor],
    backward: Step,
    *,
    examples: int,
    schedule: Schedule,
    seed: int,
    rates: Mapping[str, float] | None = None,
    checkpoint: Checkpoint | None = None,
    show: bool = False,
) -> None:
    """Train `parameters` in place with Adam.

    `backward(indices [batch], generator)` adds the gradients of a batch's loss; `rates` multiplies the learning
    rate of parameters by name. All randomness of an epoch comes from its own generators, so a run that is resumed
    from `checkpoint` ends in the same bits as one that was never interrupted.
    """
    factors = [(rates or {}).get(name, 1.0) for name in parameters]
    optimizer = Adam(parameters.values(), schedule.learning_rate, schedule.betas, factors)
    per_epoch = math.ceil(examples / schedule.batch_size)
    done = checkpoint.load(parameters, optimizer) if checkpoint else 0
    batches = _batches(examples, schedule, seed, done)
    step = done * per_epoch
    total = (schedule.epochs - done) * examples
    for epoch, last, indices, noise in track(
        batches, total=total, what="learning", unit="input", show=show, step=schedule.batch_size
    ):
        optimizer.rate = schedule.rate(step, schedule.epochs * per_epoch)
        optimizer.zero_grad()
        backward(indices, noise)
        optimizer.step()
        step += 1
        if last and checkpoint:
            checkpoint.save(parameters, optimizer, epoch + 1)


def _batches(
    examples: int, schedule: Schedule, seed: int, done: int
) -> Iterator[tuple[int, bool, Tensor, torch.Generator]]:
    for epoch in range(done, schedule.epochs):
        order = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
        noise = torch.Generator().manual_seed(derive_seed(seed, "noise", epoch))
        parts = torch.randperm(examples, generator=order).split(schedule.batch_size)
        for number, indices in enumerate(parts, start=1):
            yield epoch, number == len(parts), indices, noise
