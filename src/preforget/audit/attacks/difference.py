"""The before/after attack: the features of one erased input, from the model after the erasure and one old pair row.

Exact erasure leaves what a model that never had the input would be. So the difference to the model before is a function
of that input alone. Of a pair's discriminant it can be solved: let `n, mu_i, S` be what is left of the two classes,
`x = mu_i + u` the erased input. From the old row and bias `w, b` follows `u . w`, and `u` is a linear combination of
`S w`, `w` and `mu_i - mu_j` that has one unknown left, the weight of the shrinkage, which must agree with itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from preforget.audit.attacks.attack import About, Finding
from preforget.audit.attacks.registry import register_attack
from preforget.audit.attacks.scene import ORIGINAL, Scene
from preforget.core.seeds import derive_seed
from preforget.engines.derive import MOST_PAIRED
from preforget.engines.discriminant import FLOOR, mean_and_scatter, pair
from preforget.engines.exact import ExactEngine
from preforget.engines.features import unit_features
from preforget.records.moments import Moments

TRIALS = 5
"""How many inputs are erased, each by itself."""
GRID = 200
STEPS = 80
"""Bisections of one interval: more than float64 has bits."""

TITLES = {
    "cosine": "cosine of the recovered features to those of the erased input, from the mean of its class",
    "recovered": "share of erased inputs whose features come back exactly, rounded to whole numbers",
    "named": "share of erased inputs that are the nearest of their class to what was recovered",
}
ABOUT = About(
    name="difference",
    title="Difference of before and after",
    asks="What does the difference of two models tell? One input of the forgotten class is erased; whoever has the "
    "statistics after it, as in an unsealed folder, and one old row of a pair solves for its features. Nothing "
    "is judged: every method that equals retraining is open to this. Erase several at once, and keep no old models.",
    source="Bertran et al., reconstruction attacks on machine unlearning, arXiv 2405.20272",
    margin=0.0,
    titles=TITLES,
    unjudged=frozenset(TITLES),
)


@register_attack(ABOUT, roles=(ORIGINAL,))
def attack_scene(scene: Scene) -> Finding | None:
    """Attack pairs of the forgotten class and one that stays; None for models without discriminants of pairs."""
    engine = getattr(scene.model, "engine_", None)
    if not isinstance(engine, ExactEngine) or not 2 <= len(engine.bank.labels) <= MOST_PAIRED:
        return None
    levels, encoder = engine.config.levels, engine.encoder
    forgotten_train = scene.splits.forget_train.only(scene.forgotten[0])
    stays = scene.splits.retain_train
    other = stays.only(str(stays.labels[0]))
    rows = [torch.cat([*unit_features(encoder, split, levels)]) for split in (forgotten_train, other)]
    if len(rows[0]) < 3 or not len(rows[1]):
        return None
    return measure(rows[0], rows[1], engine.config.shrinkage, scene.seed)


def measure(own: Tensor, other: Tensor, strength: float, seed: int = 0) -> Finding:
    """Erase inputs of `own [n, F]`, each by itself, and recover them against `other [m, F]`, whole numbers both."""
    chosen = np.random.default_rng(derive_seed(seed, "difference")).permutation(len(own))[:TRIALS]
    cosines, exact, named = [], [], []
    for row in sorted(chosen.tolist()):
        erased = own[row].double()
        left = Moments.of(torch.cat([own[:row], own[row + 1 :]]))
        old = pair(Moments.of(own), Moments.of(other), strength)
        mean = left.total.double() / left.count
        estimate = recovered(*old, left, Moments.of(other), strength)
        cosines.append(float(torch.cosine_similarity(estimate - mean, erased - mean, dim=0)))
        exact.append(bool((estimate.round() == erased).all()))
        nearest = torch.cosine_similarity(own.double() - mean, (estimate - mean)[None]).argmax()
        named.append(bool((own[nearest] == own[row]).all()))
    values = {
        "cosine": float(np.median(cosines)),
        "recovered": float(np.mean(exact)),
        "named": float(np.mean(named)),
    }
    return Finding(values)


def recovered(row: Tensor, bias: Tensor, left: Moments, other: Moments, strength: float) -> Tensor:
    """Return the features `float64 [F]` of the input that the old pair had and `left` lacks.

    `row [F]`, `bias`: the old discriminant of the class against `other`; `left`: what is left of the class.
    """
    system = _System(row, float(bias), left, other, strength)
    return system.mean + min(system.candidates(), key=lambda candidate: candidate[0])[1]


class _System:
    """The equation for `u`, the erased input less the mean of what is left, with the weight of shrinkage unknown."""

    def __init__(self, row: Tensor, bias: float, left: Moments, other: Moments, strength: float) -> None:
        self.mean, scatter = mean_and_scatter(left)
        other_mean, other_scatter = mean_and_scatter(other)
        scatter_of_both = scatter + other_scatter
        self.row, self.strength = row, strength
        self.delta = self.mean - other_mean
        self.n, self.total = left.count, left.count + 1 + other.count
        self.share = self.n / (self.n + 1)
        self.along = (self.n + 1) * (-2 * bias - float(row @ (self.mean + other_mean)))  # u . w
        self.scattered = scatter_of_both @ row
        self.twice = scatter_of_both @ self.scattered
        self.shifted = scatter_of_both @ self.delta
        self.trace, self.square = float(scatter_of_both.trace()), float(scatter_of_both.square().sum())

    def level(self, weight: float) -> float:
        """Return the level of the identity that follows from `u . w` if the old covariance had this weight."""
        bent = float(self.row @ self.scattered) + self.share * self.along**2
        known = float(self.delta @ self.row) + self.along / (self.n + 1)
        return (known - (1 - weight) / self.total * bent) / float(self.row @ self.row)

    def solution(self, weight: float) -> tuple[Tensor, float]:
        """Return `u` and `u . S u` if the old covariance was shrunk with this weight."""
        scale, level = (1 - weight) / self.total, self.level(weight)
        below = 1 / (self.n + 1) - scale * self.share * self.along
        u = (scale * self.scattered + level * self.row - self.delta) / below
        scattered = (scale * self.twice + level * self.scattered - self.shifted) / below
        return u, float(u @ scattered)

    def shrinkage_with(self, u: Tensor, cross: float) -> tuple[float, float]:
        """Return weight and level with which the covariance would have been shrunk if `u` was in it."""
        size, squared = len(u), float(u @ u)
        trace = (self.trace + self.share * squared) / self.total
        square = self.square + 2 * self.share * cross + (self.share * squared) ** 2
        square /= self.total**2
        spread = square - trace * trace / size
        rho = ((1 - 2 / size) * square + trace * trace) / ((self.total + 1 - 2 / size) * spread)
        rho = min(1.0, rho)
        weight = self.strength * rho / (1 - rho + self.strength * rho)
        return weight, weight * trace / size + FLOOR

    def gap(self, weight: float) -> float:
        """Return how far a weight is from the one that follows from it."""
        return self.shrinkage_with(*self.solution(weight))[0] - weight

    def candidates(self) -> Iterator[tuple[float, Tensor]]:
        """Yield how far the level is from the one that follows, and the solution, for each weight that agrees."""
        start = self.shrinkage_with(torch.zeros_like(self.row), 0.0)[0]  # the one input hardly moves it
        near = [start * (1 + step) for step in np.linspace(-0.2, 0.2, GRID)]
        grid = sorted({*np.linspace(1e-6, 1 - 1e-6, GRID).tolist(), *near, start})
        gaps = [self.gap(weight) for weight in grid]
        weights = [start]
        for low, high, first, second in zip(grid[:-1], grid[1:], gaps[:-1], gaps[1:], strict=True):
            if first * second < 0:
                weights.append(self._bisected(low, high, first))
        for weight in weights:
            u, cross = self.solution(weight)
            follows, level = self.shrinkage_with(u, cross)
            yield abs(self.level(weight) / level - 1) + abs(follows / weight - 1), u

    def _bisected(self, low: float, high: float, at_low: float) -> float:
        for _ in range(STEPS):
            middle = (low + high) / 2
            if self.gap(middle) * at_low > 0:
                low = middle
            else:
                high = middle
        return (low + high) / 2
