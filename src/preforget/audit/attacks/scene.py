"""The inputs of an attack: one model in its role, the data, and what the model is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from preforget.audit.attacks.attack import Effort
from preforget.audit.attacks.observe import Parts, Seen, observe
from preforget.core.errors import DataError
from preforget.core.seeds import derive_seed
from preforget.data import Split
from preforget.white_box.open_model import surface_of
from preforget.white_box.surface import Files, Weights

ORIGINAL, UNLEARNED, RETRAIN = ROLES = ("original", "unlearned", "retrain")
"""Trained on all data; the same after forgetting; the same recipe without the forgotten data."""


@dataclass(eq=False)
class Scene:
    """A model in its role, the data, and what an attack compares the model with.

    `load` returns the model, so that attacks on its answers alone needn't wait for it; `seed`: of attacks, the same for
    all roles, so that gaps are paired; `another`: the answers of a model retrained with another seed; `untrained`:
    those of a model that learned nothing; `target`: Original's accuracy on forgotten inputs; `stolen`: the forgotten
    class's record from an Original of another seed; `learn_seconds`: how long the model took to learn.
    """

    role: str
    load: Callable[[], Any]
    splits: Parts[Split]
    seen: Parts[Seen]
    forgotten: tuple[str, ...]
    effort: Effort
    seed: int = 0
    another: Parts[Seen] | None = None
    untrained: Parts[Seen] | None = None
    target: float | None = None
    stolen: Callable[[], Weights | None] = lambda: None
    learn_seconds: float | None = None

    @cached_property
    def model(self) -> Any:
        """The model itself."""
        return self.load()

    @cached_property
    def surface(self) -> Files:
        """The model with its weights open."""
        return surface_of(self.model)


class RandomHead:
    """A model that learned nothing: a random linear head on layer-normalised CLS of the frozen backbone."""

    def __init__(self, encoder: Any, labels: Sequence[str], seed: int) -> None:
        self.labels = tuple(labels)
        self._encoder = encoder
        rng = np.random.default_rng(derive_seed(seed, "untrained"))
        self._rows = rng.standard_normal((encoder.dim, len(self.labels))) / encoder.dim**0.5

    def scores(self, inputs: Any) -> Any:
        """Return scores `[n, classes]`."""
        batches = []
        for start in range(0, len(inputs), 128):
            part = range(start, min(start + 128, len(inputs)))
            last = slice(self._encoder.depth, self._encoder.depth + 1)
            states = self._encoder.states(self._encoder.read(inputs, part), last)[:, 0]
            cls = self._encoder.summary(states).float().cpu().numpy()
            cls = cls - cls.mean(axis=1, keepdims=True)
            batches.append(cls / cls.std(axis=1, keepdims=True) @ self._rows)
        return np.concatenate(batches)


def split_parts(
    train: Split, test: Split, forgotten: Sequence[str], retained: Sequence[str], rows: int, seed: int
) -> Parts[Split]:
    """Return the four parts, each a seeded sample of at most `rows` inputs; raises `DataError` for an empty one."""
    gone = set(forgotten)
    parts = Parts(train.only(gone), test.only(gone), train.only(retained), test.only(retained))
    for name, part in parts.items():
        if not len(part):
            kind, part_name = name.split("_")
            described = "the classes to forget" if kind == "forget" else "classes that stay"
            raise DataError(
                f"the {part_name} part of the data has no input of {described}; give the data that the model was "
                "learned from, with a test part"
            )
    return Parts(*(_sample(part, rows, derive_seed(seed, name)) for name, part in parts.items()))


def observe_parts(model: Any, splits: Parts[Split], labels: Sequence[str] | None = None) -> Parts[Seen]:
    """Return a model's answers to all four parts."""
    return Parts(*(observe(model, split, labels) for _, split in splits.items()))


def _sample(split: Split, rows: int, seed: int) -> Split:
    if len(split) <= rows:
        return split
    chosen = np.random.default_rng(seed).choice(len(split), rows, replace=False)
    return split.select(np.sort(chosen))
