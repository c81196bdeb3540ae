"""Row recovery: the class row rebuilt in closed form from prototypes of a few inputs, without any training.

`n` inputs, `F` width of the readout `r(x)` under an untrained prompt; `c` is the centroid of the forgotten shots, `m`
the mean of the retained classes' centroids, `s` the mean norm of live rows, `t` a temperature:

    centroid:    row = t s c / |c|,               bias = -row . (c + m) / 2, or the mean live bias
    difference:  row = t s (c - m) / |c - m|,     bias = -row . (c + m) / 2
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from preforget.audit.attacks.attack import About, Effort, Finding
from preforget.audit.attacks.few_shot import (
    CHUNK,
    LEAST_RETAINED,
    inputs_to_test,
    live_bias,
    ranks,
    row_norm,
)
from preforget.audit.attacks.key_recovery import CLEAR, NOISY, fewest, shots_in_words
from preforget.audit.attacks.observe import Parts
from preforget.audit.attacks.registry import register_attack
from preforget.audit.attacks.scene import Scene
from preforget.core.errors import DataError
from preforget.core.seeds import derive_seed
from preforget.data import Split
from preforget.white_box.surface import Surface, Weights

Numbers = npt.NDArray[np.float64]

SHOTS = (1, 5, 10, 50)
KINDS = ("centroid", "difference")
DRAWS = {"quick": 5, "standard": 10, "full": 20}
POOL = 20
"""The most inputs of a class from which shots are drawn; at least twice the most shots."""
TEMPERATURES: Numbers = np.geomspace(2.0**-6, 2.0**10, 33)

ABOUT = About(
    name="row_recovery",
    title="Row recovery from prototypes",
    asks="Does a row made of the mean of a few inputs, without any training, bring the forgotten class back? The value "
    "is that of the better of two rows. Below 50 shots draws differ, so the margin is 0.10 instead of 0.05.",
    source="prototypical relearning: Ha, Park and Yoon, arXiv 2506.01318",
    margin=CLEAR,
    titles={shots_in_words(k): f"forgotten inputs taken back: {shots_in_words(k)}" for k in SHOTS},
    margins={shots_in_words(k): NOISY for k in SHOTS if k < 50},
)


@dataclass(frozen=True, eq=False)
class Sight:
    """The input of a rebuilt row, `readout [n, F]`, and the score it must beat, the `best [n]` live score."""

    readout: Numbers
    best: Numbers

    def at(self, rows: npt.NDArray[np.bool_]) -> Sight:
        """Return some of the inputs."""
        return Sight(self.readout[rows], self.best[rows])

    def taken(self, row: Numbers, bias: float) -> float:
        """Return the share of inputs that a class with this row takes from all live classes."""
        return float((self.readout @ row + bias > self.best).mean())


def temperature(
    inside: Numbers, inside_best: Numbers, outside: Numbers, outside_best: Numbers, bias: float
) -> tuple[float, float]:
    """Return the temperature `t` for scores `t inside + bias`, and the balanced accuracy that it reaches.

    `inside [k]`, `outside [q]`: scores of forgotten and retained shots at `t = 1`; `*_best`: their best live scores.

        accuracy(t) = (share of inside taken + share of outside not taken) / 2

    Of several best in the grid the middle one is chosen: few shots leave many, and the ends take nothing or everything.
    """
    t = TEMPERATURES[:, None]
    accuracy = (
        (t * inside + bias > inside_best).mean(axis=1) + (t * outside + bias <= outside_best).mean(axis=1)
    ) / 2
    tied = np.flatnonzero(accuracy >= accuracy.max() - 1e-9)
    chosen = tied[len(tied) // 2]
    return float(TEMPERATURES[chosen]), float(accuracy[chosen])


def rebuilt(
    kind: str,
    forgotten_sight: Sight,
    retained_sight: Sight,
    classes: npt.NDArray[np.object_],
    norm: float,
    bias: float,
) -> tuple[Numbers, float]:
    """Return row `[F]` and bias made from the shots alone, with the best temperature for the attacker.

    `forgotten_sight`: forgotten shots; `retained_sight`: retained shots of `classes [q]`; `norm`, `bias`: means of live
    rows and biases.
    """
    c = forgotten_sight.readout.mean(axis=0)
    m = np.mean(
        [retained_sight.readout[classes == name].mean(axis=0) for name in sorted(set(classes))], axis=0
    )
    direction = c if kind == "centroid" else c - m
    row = direction * (norm / max(float(np.linalg.norm(direction)), 1e-12))
    middle = float(row @ (c + m)) / 2
    scores, others_scores = forgotten_sight.readout @ row, retained_sight.readout @ row
    attempts = []
    for shift, constant in ((middle, 0.0), (0.0, bias))[: 2 if kind == "centroid" else 1]:
        t, accuracy = temperature(
            scores - shift, forgotten_sight.best, others_scores - shift, retained_sight.best, constant
        )
        attempts.append((accuracy, t, constant - t * shift))
    _, t, chosen = max(attempts, key=lambda attempt: attempt[0])
    return t * row, chosen


def attack(surface: Surface, parts: Parts[Split], effort: Effort, seed: int) -> Finding:
    """Rebuild the row for every number of shots.

    A value is the share of forgotten test inputs that the new class takes, a mean over draws of shots, for the row that
    takes most less what it steals of retained ones. Figures: shares by number of shots for both rows. A value for more
    shots than the forgotten class has is left out. Raises `DataError` for parts without inputs.
    """
    shots = SHOTS[:-1] if effort.suite == "quick" else SHOTS
    shares = recovered(surface, parts, shots, DRAWS[effort.suite], seed)
    figures: dict[str, list[float]] = {"shots": list(shares)}
    for kind in KINDS:
        figures[kind] = [round(by_kind[kind][0], 4) for by_kind in shares.values()]
        figures[f"{kind}, stolen"] = [round(by_kind[kind][1], 4) for by_kind in shares.values()]
    return Finding({shots_in_words(k): better(by_kind) for k, by_kind in shares.items()}, figures)


@register_attack(ABOUT, weight=2, open_weights=True)
def attack_scene(scene: Scene) -> Finding:
    """Rebuild the row of a model with open weights."""
    return attack(scene.surface, scene.splits, scene.effort, scene.seed)


def better(by_kind: dict[str, tuple[float, float]]) -> float:
    """Return the share taken back by the row with the largest difference of shares taken back and stolen."""
    return max(by_kind.values(), key=lambda shares: shares[0] - shares[1])[0]


def recovered(
    surface: Surface, parts: Parts[Split], shots: Sequence[int], draws: int, seed: int
) -> dict[int, dict[str, tuple[float, float]]]:
    """Return for each number of shots and each kind of row the shares of forgotten and retained test inputs taken.

    One untrained prompt serves all draws. Retained classes give at least `LEAST_RETAINED` shots each.
    """
    for name, part in parts.items():
        if not len(part):
            raise DataError(f"{name} holds no input; prototypes need all four parts")
    new = surface.start(1, torch.Generator().manual_seed(derive_seed(seed, "row recovery", "start")))
    most = max(POOL, 2 * max(shots))
    pools = [_pool(part, most, seed) for part in (parts.forget_train, parts.retain_train)]
    forgotten_sight, retained_sight = (sight(surface, pool, new) for pool in pools)
    test_own, test_others = (sight(surface, part, new) for part in inputs_to_test(parts, seed))
    read = surface.read(pools[1].select(np.arange(min(CHUNK, len(pools[1])))).inputs)
    norm = row_norm(surface, read, torch.arange(min(CHUNK, len(pools[1]))), new)
    bias = live_bias(surface)
    results: dict[int, dict[str, tuple[float, float]]] = {}
    for k in shots:
        if k > fewest(pools[0].labels):
            continue
        shares_of: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
        for draw in range(draws):
            order = derive_seed(seed, "row recovery", draw)
            mine = ranks(pools[0].labels, order) < k
            chosen_retained = ranks(pools[1].labels, order) < max(k, LEAST_RETAINED)
            for kind in KINDS:
                row, own_bias = rebuilt(
                    kind,
                    forgotten_sight.at(mine),
                    retained_sight.at(chosen_retained),
                    pools[1].labels[chosen_retained],
                    norm,
                    bias,
                )
                shares_of[kind].append((test_own.taken(row, own_bias), test_others.taken(row, own_bias)))
        results[k] = {kind: _mean(shares) for kind, shares in shares_of.items()}
    return results


@torch.no_grad()
def sight(surface: Surface, split: Split, new: Weights) -> Sight:
    """Return readout and best live score of every input, read a few at a time: states are large, these are small."""
    readouts, bests = [], []
    for start in range(0, len(split), CHUNK):
        part = split.select(np.arange(start, min(start + CHUNK, len(split))))
        read, rows = surface.read(part.inputs), torch.arange(len(part))
        live = surface.logits(read, rows, new)[:, :-1]
        bests.append(live.max(dim=1).values.double().cpu().numpy())
        readouts.append(surface.readout(read, rows, new).double().cpu().numpy())
    return Sight(np.concatenate(readouts), np.concatenate(bests))


def _pool(split: Split, most: int, seed: int) -> Split:
    return split.select(ranks(split.labels, derive_seed(seed, "row recovery", "pool")) < most)


def _mean(shares: list[tuple[float, float]]) -> tuple[float, float]:
    regained, stolen = np.mean(shares, axis=0)
    return float(regained), float(stolen)
