"""When the isolated engine abstains: a statistic of all scores, formed from live classes alone.

`statistic = T log sum_c exp(score_c / T)`. For `T = 1` it is the log-odds against abstaining that learning optimised;
a larger `T` counts how many classes are somewhat likely. `T` is chosen by leaving out each live class in turn, as if it
were unknown: the one whose statistic tells it best from the others, on average. Nothing of a forgotten class is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from preforget.engines.coverage import ClassCoverage, coverage, limits, limits_by_class, one_limit
from preforget.engines.logistic import known_odds, sigmoid
from preforget.engines.pair_scores import Floats, PairScores, Whole
from preforget.engines.temperature import Sharpness, likeliest_sharpness
from preforget.metrics.roc import auc

TEMPERATURES = (0.5, 1.0, 2.0, 4.0, 6.0, 10.0, 15.0, 20.0, 40.0, 1000.0)
MOST_LEFT_OUT = 64
"""The most classes that are left out in turn; of more, evenly spread ones by name."""

Values = npt.NDArray[np.float64]


def statistic(scores: npt.NDArray[np.floating], temperature: float) -> Values:
    """Return `T log sum exp(s / T)` of each row `[n, k]`; `-inf` for one without a finite score.

    >>> statistic(np.zeros((1, 2)), 10.0).round(3).tolist()
    [6.931]
    """
    if not scores.shape[1]:
        return np.full(len(scores), -np.inf)
    values = scores.astype(np.float64) / temperature
    top = values.max(axis=1, keepdims=True)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        logs: Values = temperature * (safe[:, 0] + np.log(np.exp(values - safe).sum(axis=1)))
    return logs


def without_own(scores: PairScores, temperature: float) -> Values:
    """Return the statistic of each input without the column of its own class, `[n]`."""
    values = np.where(scores.columns == scores.truth[:, None], -np.inf, scores.values)
    return statistic(values, temperature)


def choose_temperature(scores: PairScores) -> float:
    """Return the temperature that tells each class, left out of the others, best on average; 1 where nothing tells."""
    left_out = list(_left_out(scores))
    if not left_out:
        return 1.0

    def told(temperature: float) -> float:
        unknown, sums = without_own(scores, temperature), _Sums(scores, temperature)
        areas = [
            auc(sums.without(column)[scores.truth != column], unknown[scores.truth == column])
            for column in left_out
        ]
        return float(np.mean(areas))

    return max(TEMPERATURES, key=told)


def odds_of(scores: PairScores, temperature: float) -> tuple[float, float] | None:
    """Return how `known_odds` follows from the statistic; None where nothing tells.

    Each validation input counts once as known and once, without the column of its own class, as unknown, so the odds
    are even before it is looked at.
    """
    if len(scores.labels) < 2 or not len(scores.truth):
        return None
    unknown = without_own(scores, temperature)
    return known_odds(statistic(scores.values, temperature), unknown[np.isfinite(unknown)])


@dataclass(frozen=True, eq=False)
class Abstention:
    """What follows from the live classes' validation scores: confidence, its limits, and both kinds of probability."""

    scores: PairScores
    temperature: float
    odds: tuple[float, float] | None

    @classmethod
    def of(cls, scores: PairScores) -> Abstention:
        """Choose the temperature and fit the odds."""
        temperature = choose_temperature(scores)
        return cls(scores, temperature, odds_of(scores, temperature))

    def confidence(self, scores: Floats) -> Floats:
        """Return the statistic of scores `[n, C]`, of as many of the highest as were kept of the validation inputs."""
        width = self.scores.width
        kept = scores if width == scores.shape[1] else -np.partition(-scores, width - 1, axis=1)[:, :width]
        return statistic(kept, self.temperature).astype(np.float32)

    def known(self, confidence: Floats) -> Floats | None:
        """Return how likely inputs of a confidence are of a known class, `[n]`; None where nothing tells."""
        if self.odds is None:
            return None
        slope, offset = self.odds
        return sigmoid(slope * confidence.astype(np.float64) + offset).astype(np.float32)

    def class_probabilities(self, scores: Floats) -> Floats:
        """Return the probability of each class given that it is one of them, `[n, C]`."""
        return self.sharpness.probabilities(scores)

    @cached_property
    def sharpness(self) -> Sharpness:
        """How probabilities follow from scores, by the likelihood of the validation inputs."""
        full = np.full((len(self.scores.truth), len(self.scores.labels)), -np.inf, dtype=np.float32)
        np.put_along_axis(full, self.scores.columns, self.scores.values, axis=1)
        return likeliest_sharpness(full, self.scores.truth)

    def limits(self, keep: float) -> Values:
        """Return the confidence that each answer must reach, `[C]`."""
        labels, truth = self.scores.labels, self.scores.truth
        return limits_by_class(
            labels, keep, lambda share: limits(self._confidence, self._best, truth, len(labels), share)
        )

    def coverage(self, keep: float) -> list[ClassCoverage]:
        """Return how many validation inputs of each class are answered."""
        labels, truth = self.scores.labels, self.scores.truth
        return coverage(labels, self._confidence, self._best, truth, self.limits(keep))

    def share_reached(self, keep: float) -> float:
        """Return the one confidence that a share `keep` of all validation inputs reaches."""
        return one_limit(self._confidence, keep)

    @cached_property
    def _confidence(self) -> Values:
        return statistic(self.scores.values, self.temperature).astype(np.float32).astype(np.float64)

    @cached_property
    def _best(self) -> Whole:
        best_column = self.scores.values.argmax(axis=1)[:, None]
        best: Whole = np.take_along_axis(self.scores.columns, best_column, axis=1)[:, 0]
        return best


def _left_out(scores: PairScores) -> Iterator[int]:
    """Yield the columns that are left out in turn: of classes with inputs, beside inputs of others."""
    present = np.unique(scores.truth)
    if len(present) < 2:
        return
    step = -(-len(present) // MOST_LEFT_OUT)
    yield from present[::step].tolist()


class _Sums:
    """Statistics without one column, from sums over all: each row is summed anew only where that column leads it."""

    def __init__(self, scores: PairScores, temperature: float) -> None:
        self.scores, self.temperature = scores, temperature
        values = scores.values.astype(np.float64) / temperature
        self.top = values.max(axis=1, keepdims=True)
        self.parts = np.exp(values - self.top)
        self.total = self.parts.sum(axis=1)
        self.leads = np.take_along_axis(scores.columns, values.argmax(axis=1)[:, None], axis=1)[:, 0]

    def without(self, column: int) -> Values:
        """Return the statistic of every row without a column, `[n]`."""
        own_column = self.scores.columns == column
        rest = self.total - (self.parts * own_column).sum(axis=1)
        led = self.leads == column
        out = np.empty(len(rest))
        out[~led] = self.temperature * (self.top[~led, 0] + np.log(rest[~led]))
        out[led] = statistic(np.where(own_column[led], -np.inf, self.scores.values[led]), self.temperature)
        return out
