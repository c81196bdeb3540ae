"""Inputs as methods train on them: states that enter block 0, and the column of each one's label."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from preforget.baselines.lora_head import LoraHead
from preforget.baselines.read_once import opened
from preforget.core.errors import DataError
from preforget.data.dataset import Split
from preforget.engines.base import Session
from preforget.training.state_cache import StateCache

Source = Callable[[Tensor], Tensor]
"""Takes rows `[batch]` and returns their states `[batch, N, D]`."""


@dataclass(frozen=True, eq=False)
class Examples:
    """`n` inputs: `source [n]` and `row [n]` locate the states of each, `target [n]` is its column."""

    sources: tuple[Source, ...]
    source: Tensor
    row: Tensor
    target: Tensor

    @classmethod
    def of(cls, source: Source, target: Tensor) -> Examples:
        """Return all rows of one source."""
        rows = torch.arange(len(target))
        return cls((source,), torch.zeros_like(rows), rows, target.cpu())

    def __len__(self) -> int:
        return len(self.target)

    def __add__(self, other: Examples) -> Examples:
        """Return these examples and after them the others."""
        return Examples(
            self.sources + other.sources,
            torch.cat([self.source, other.source + len(self.sources)]),
            torch.cat([self.row, other.row]),
            torch.cat([self.target, other.target]),
        )

    def select(self, chosen: Tensor) -> Examples:
        """Return the examples at positions `chosen [m]`, in that order."""
        return Examples(self.sources, self.source[chosen], self.row[chosen], self.target[chosen])

    def sample(self, share: float, generator: torch.Generator) -> Examples:
        """Return a share of them, at least one, drawn without replacement."""
        count = max(1, round(share * len(self)))
        return self.select(torch.randperm(len(self), generator=generator)[:count])

    def with_target(self, target: Tensor) -> Examples:
        """Return the same inputs with other columns `[n]`."""
        return replace(self, target=target.cpu())

    def states(self, indices: Tensor) -> Tensor:
        """Return the states of examples `indices [batch]`, `[batch, N, D]` on the encoder's device."""
        source, row = self.source[indices], self.row[indices]
        used: list[int] = source.unique().tolist()
        if len(used) == 1:
            return self.sources[used[0]](row)
        parts = [(source == number).nonzero()[:, 0] for number in used]
        read = torch.cat([self.sources[n](row[part]) for n, part in zip(used, parts, strict=True)])
        order: Tensor = torch.cat(parts).argsort().to(read.device)
        return read[order]

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return states `[batch, N, D]` and columns `[batch]`, both on the encoder's device."""
        states = self.states(indices)
        return states, self.target[indices].to(states.device)

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield states and columns of all of them, in order."""
        for indices in torch.arange(len(self)).split(size):
            yield self.batch(indices)


@contextmanager
def reading(model: LoraHead, *splits: Split) -> Iterator[tuple[Examples, ...]]:
    """Give the examples of each split; raises `DataError` for a split without inputs or with an unknown class."""
    with ExitStack() as stack:
        examples = []
        for split in splits:
            target = columns(model.labels, split)
            cache = stack.enter_context(opened(model.encoder, split, Session()))
            examples.append(Examples.of(partial(_entering, cache), target))
        yield tuple(examples)


def columns(labels: list[str], split: Split) -> Tensor:
    """Return the column `[n]` of each input's class; raises `DataError` as `reading` does."""
    if not len(split):
        raise DataError("there are no images to forget or none to retain; give at least one of each")
    column_of = {label: column for column, label in enumerate(labels)}
    unknown = sorted({str(label) for label in split.labels if label not in column_of})
    if unknown:
        raise DataError(
            f"the classifier doesn't know the class {unknown[0]!r}; leave its images out, it knows: {', '.join(labels)}"
        )
    return torch.tensor([column_of[label] for label in split.labels])


def _entering(cache: StateCache, rows: Tensor) -> Tensor:
    return cache.get(rows)[:, 0]
