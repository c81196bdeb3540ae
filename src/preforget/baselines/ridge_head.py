"""Ridge head: linear regression to the classes on frozen features, solved in closed form from sums.

With features `x [F]` of the exact engine and `y` one-hot: `W = (S + gamma tr(S)/F I)^-1 C`
with `S` the scatter of all features around their mean and `C` their products with the centred `y` (Hoerl and Kennard,
Technometrics 12, 1970). Count, sum and scatter are kept per class, so a class is forgotten by leaving its sums out
and solving again: the result equals a ridge head that never saw it, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from preforget.backbones.encoder import Encoder
from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import (
    METHODS,
    Classifier,
    Grid,
    Method,
    remaining,
    whole_classes,
)
from preforget.core.errors import DataError, NotFittedError, UsageError
from preforget.core.options import Options
from preforget.data.dataset import Images, Split, label_array, names_of
from preforget.engines.base import Scores
from preforget.engines.discriminant import ridge
from preforget.engines.features import feature_count, unit_features
from preforget.records.moments import Moments, summed


@dataclass(frozen=True)
class RidgeHeadConfig(Options):
    """Options: `levels` of the encoder that features are read from, and the penalty `gamma`."""

    levels: int = 4
    gamma: float = 1e-2

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole(levels=1)
        self.check_numbers(gamma=(1e-12, 1e6))


def solve(parts: list[Moments], gamma: float) -> tuple[Tensor, Tensor]:
    """Return rows `[C, F]` and biases `[C]` in float64 from the moments of each class."""
    overall = summed(parts, len(parts[0].total))
    return ridge(overall, [(part.count, part.total.double()) for part in parts], gamma)


class RidgeHead:
    """A ridge head with the sums that it was solved from; `labels` are the columns of `scores`."""

    def __init__(self, encoder: Encoder, config: RidgeHeadConfig, sums: Mapping[str, Moments]) -> None:
        if not sums:
            raise NotFittedError("a ridge head needs the sums of at least one class")
        self.encoder, self.config = encoder, config
        self.labels = sorted(sums)
        self._sums = {label: sums[label] for label in self.labels}
        self.rows, self.biases = solve(list(self._sums.values()), config.gamma)

    @classmethod
    def learned(cls, encoder: Encoder, config: RidgeHeadConfig, train: Split) -> RidgeHead:
        """Sum the features of each class of `train` and solve; raises `UsageError` for more levels than blocks."""
        if config.levels > encoder.depth:
            raise UsageError(f"levels is {config.levels}, but the backbone has only {encoder.depth} blocks")
        size = feature_count(encoder, config.levels)
        sums = {
            label: summed(
                (Moments.of(batch) for batch in unit_features(encoder, train.only(label), config.levels)),
                size,
            )
            for label in names_of(train.labels)
        }
        return cls(encoder, config, sums)

    def without(self, gone: list[str]) -> RidgeHead:
        """Return the ridge head of the other classes, solved from their sums; raises `DataError` if one is unknown."""
        for label in gone:
            if label not in self._sums:
                raise DataError(f"the ridge head doesn't know the class {label!r}, so it can't forget it")
        kept = remaining(self.labels, gone)
        return RidgeHead(self.encoder, self.config, {label: self._sums[label] for label in kept})

    def scores(self, inputs: Images) -> Scores:
        """Return the regression's values `float32 [n, classes]`, about 1 for the class and 0 for others."""
        split = Split(inputs, label_array([""] * len(inputs)))
        parts = [
            (batch.double() @ self.rows.T + self.biases).numpy()
            for batch in unit_features(self.encoder, split, self.config.levels)
        ]
        empty = np.empty((0, len(self.labels)))
        return np.concatenate([empty, *parts]).astype(np.float32)


@METHODS.register("ridge_head")
class RidgeHeadMethod(Method):
    """Drops a class from the kept sums and solves again; it starts from a ridge head, not from the ordinary one."""

    name = "ridge_head"
    source = "Hoerl and Kennard, Technometrics 12 (1970); the sceptic's control: no backbone is tuned at all"
    config_type = RidgeHeadConfig
    search: ClassVar[Grid] = {"gamma": (1e-4, 1e-3, 1e-2, 1e-1)}
    config: RidgeHeadConfig

    def prepare(self, ordinary: LoraHead, train: Split) -> RidgeHead:
        """Return a ridge head on the same encoder, learned from all of `train`."""
        return RidgeHead.learned(ordinary.encoder, self.config, train)

    def unlearn(self, original: Any, forget: Split, retain: Split, generator: torch.Generator) -> Classifier:
        """Return the ridge head without the forgotten classes.

        `original` is the result of `prepare`; an ordinary classifier has no sums, so the ridge head is learned anew.
        """
        del generator
        gone = whole_classes(forget, retain)
        if isinstance(original, RidgeHead):
            return original.without(gone)
        return RidgeHead.learned(original.encoder, self.config, retain)
