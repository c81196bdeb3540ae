"""What a model says of held-out inputs whose classes are known, and what follows for its answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.engines.coverage import (
    ClassCoverage,
    Values,
    Whole,
    coverage,
    limits,
    limits_by_class,
    one_limit,
)
from preforget.engines.logistic import known_odds
from preforget.engines.temperature import Sharpness, likeliest_sharpness


@dataclass(frozen=True, eq=False)
class Judged:
    """`scores [n, C]` of `labels`, `confidence [n]`, and the column of each input's class, `truth [n]`."""

    labels: tuple[str, ...]
    scores: npt.NDArray[np.floating[Any]]
    confidence: npt.NDArray[np.floating[Any]]
    truth: Whole

    @cached_property
    def sharpness(self) -> Sharpness:
        """How probabilities follow from scores, by the likelihood of the inputs."""
        return likeliest_sharpness(self.scores, self.truth)

    def threshold(self, keep: float) -> float:
        """Return the confidence that a share `keep` of the inputs reaches, minus infinity without any."""
        values = np.sort(self.confidence)
        rank = int(np.floor((1 - keep) * len(values) + 1e-9))
        return float(values[min(rank, len(values) - 1)]) if len(values) else float("-inf")

    def known_odds(self, unknown: Values) -> tuple[float, float] | None:
        """Return how the odds of a known class follow from confidence; `unknown`: that without the own class."""
        return known_odds(self.confidence.astype(np.float64), unknown)

    def limits(self, keep: float, shared: float) -> Values:
        """Return the confidence that each answer must reach, `[C]`; `shared`: the one for all."""
        values = self.confidence.astype(np.float64)

        def limits_for(share: float) -> Values:
            for_all = shared if share == float(keep) else one_limit(values, share)
            return limits(values, self._best, self.truth, len(self.labels), share, for_all)

        return limits_by_class(self.labels, keep, limits_for)

    def coverage(self, keep: float, shared: float) -> list[ClassCoverage]:
        """Return how many inputs of each class are answered."""
        values = self.confidence.astype(np.float64)
        return coverage(self.labels, values, self._best, self.truth, self.limits(keep, shared))

    def wipe(self) -> None:
        """Overwrite what was said: freed memory keeps its content."""
        self.scores[:] = 0
        self.confidence[:] = 0

    @cached_property
    def _best(self) -> Whole:
        best: Whole = self.scores.argmax(axis=1) if len(self.labels) else self.truth
        return best
