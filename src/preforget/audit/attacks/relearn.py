"""Relearn time: how many optimizer steps until the forgotten class is known as well as before?

Source of the anamnesis index, `AIN = steps(Unlearned) / steps(Retrain)`: arXiv 2201.05629. Below 1 is residue.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from preforget.audit.attacks.attack import About, Effort, Finding
from preforget.audit.attacks.few_shot import Opened, descend, drawn, open_inputs, open_test, regained
from preforget.audit.attacks.observe import Parts
from preforget.audit.attacks.registry import register_attack
from preforget.audit.attacks.scene import Scene
from preforget.core.errors import DataError, UsageError
from preforget.core.seeds import derive_seed
from preforget.data import Split
from preforget.white_box.surface import Surface

SHARE = 0.95
"""The share of Original's forget accuracy that counts as relearned."""
CAPS = {"quick": 60, "standard": 300, "full": 500}
DRAWS = {"quick": 1, "standard": 2, "full": 3}
ROWS, TEST_ROWS = 300, 150
"""The most forgotten and the most retained inputs, for learning and for checks."""
BATCH = 32
PACE = 0.3
"""Adam's rate times the width of the row: roughly how far one step can move the new score, in logits."""
MOST_STOLEN = 0.5
"""A class that takes more of the retained inputs than this has not been learned, whatever else it takes."""

ABOUT = About(
    name="relearn",
    title="Relearn time",
    asks="How many optimizer steps bring the forgotten class back to 95 % of the accuracy that Original had? The gap "
    "of the binary logarithm to Retrain is that of the anamnesis index: with 0.5 the ratio is between 0.7 and 1.4. "
    "A class that takes more than half of the retained inputs too doesn't count, and a run that never gets there "
    "counts as the cap, so two capped models show no gap.",
    source="anamnesis index: Chundawat et al., arXiv 2201.05629",
    margin=0.5,
    titles={"steps, log2": "steps to 95 % of Original, log2", "steps": "steps to 95 % of Original"},
    unjudged=frozenset({"steps"}),
)


def attack(surface: Surface, parts: Parts[Split], effort: Effort, seed: int, target: float) -> Finding:
    """Learn the class anew, with whatever the model shares and trains, until the accuracy is `0.95 target`.

    `target`: share of forgotten test inputs that Original answers rightly. It is learned from forgotten inputs and as
    many retained ones, `BATCH` a step, at a rate that depends on the model's shape alone. Accuracy counts as 0 while
    the new class steals more than `MOST_STOLEN` of the retained inputs: a class that takes everything knows nothing.
    Values are means over draws in the logarithm; a draw that never gets there counts as the cap. Without a target above
    0 there is nothing to reach and no value. Figures: shares by step of each draw, and how many were capped. Raises
    `UsageError` for a target outside 0..1, `DataError` for parts without inputs.
    """
    if not 0 <= target <= 1:
        raise UsageError(f"the target is {target}; give Original's accuracy on forgotten inputs, 0 to 1")
    if target == 0:
        return Finding({}, {"target": 0.0})
    cap, goal = CAPS[effort.suite], SHARE * target
    test = open_test(surface, parts, seed, TEST_ROWS)
    curves, logs, capped = [], [], 0
    for draw in range(DRAWS[effort.suite]):
        draw_seed = derive_seed(seed, "relearn", draw)
        steps, shares = relearned(surface, _pool(surface, parts, draw_seed), test, goal, cap, draw_seed)
        logs.append(log2(crossing(steps, [counted(*both) for both in shares], goal, cap)))
        capped += counted(*shares[-1]) < goal
        columns = [[round(share, 4) for share in column] for column in zip(*shares, strict=True)]
        curves.append({"step": steps, "accuracy": columns[0], "stolen": columns[1]})
    figures: dict[str, Any] = {"goal": round(goal, 4), "cap": cap, "capped": capped, "curves": curves}
    mean = float(np.mean(logs))
    return Finding({"steps, log2": mean, "steps": 2.0**mean}, figures)


@register_attack(ABOUT, weight=3, open_weights=True)
def attack_scene(scene: Scene) -> Finding | None:
    """Learn the class anew until Original's accuracy is reached; None if that isn't known."""
    if scene.target is None:
        return None
    return attack(scene.surface, scene.splits, scene.effort, scene.seed, scene.target)


def crossing(steps: Sequence[int], accuracy: Sequence[float], goal: float, cap: int) -> float:
    """Return the step at which a curve first reaches `goal`, straight between checks; at least 1, and `cap` if never.

    >>> crossing([0, 4, 6], [0.0, 0.5, 0.9], 0.8, 60)
    5.5
    """
    before = 0, 0.0
    for now in zip(steps, accuracy, strict=True):
        if now[1] >= goal:
            rise = now[1] - before[1]
            part = (goal - before[1]) / rise if rise > 0 else 1.0
            return min(float(cap), max(1.0, before[0] + part * (now[0] - before[0])))
        before = now
    return float(cap)


def counted(accuracy: float, stolen: float) -> float:
    """Return the accuracy, 0 for a class that steals too much, see `MOST_STOLEN`."""
    return accuracy if stolen <= MOST_STOLEN else 0.0


def checks(cap: int) -> list[int]:
    """Return the steps after which accuracy is checked: each one at first, then each time a sixth more.

    >>> checks(20)
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 18, 20]
    """
    steps = [0]
    while steps[-1] < cap:
        steps.append(min(cap, steps[-1] + max(1, steps[-1] // 6)))
    return steps


def relearned(
    surface: Surface, pool: Opened, test: Opened, goal: float, cap: int, seed: int
) -> tuple[list[int], list[tuple[float, float]]]:
    """Return the steps checked and the shares of forgotten and of retained test inputs that the new class has there.

    It stops at the goal. The new class and all `adapter.*` are trained, on copies; other live weights are fixed.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "start"))
    live = surface.live()
    shared = [tensor.requires_grad_() for name, tensor in live.items() if name.startswith("adapter.")]
    new = surface.start(live["prompt"].shape[1] if "prompt" in live else 1, generator)
    trained = [*(tensor.requires_grad_() for tensor in new.values()), *shared]
    used = live if shared else None  # without shared weights the live scores stay the same

    def loss(chosen: torch.Tensor) -> torch.Tensor:
        logits = surface.logits(pool.read, chosen, new, used)
        return F.cross_entropy(logits, pool.targets[chosen].to(logits.device))

    def check() -> tuple[float, float]:
        return regained(surface, test.read, test.forgotten, test.retained, new, used)

    due, steps, shares = checks(cap), [0], [check()]
    if counted(*shares[0]) >= goal:
        return steps, shares
    for step in descend(trained, loss, len(pool.targets), cap, generator, PACE / new["row"].numel(), BATCH):
        if step in due:
            steps.append(step)
            shares.append(check())
            if counted(*shares[-1]) >= goal:
                break
    return steps, shares


def _pool(surface: Surface, parts: Parts[Split], seed: int) -> Opened:
    """Read forgotten training inputs and up to as many retained ones."""
    count = min(len(parts.forget_train), ROWS)
    if not count or not len(parts.retain_train):
        raise DataError("forget_train or retain_train holds no input; relearning needs both")
    forget = parts.forget_train.select(drawn(len(parts.forget_train), count, derive_seed(seed, "forgotten")))
    retain = parts.retain_train.select(drawn(len(parts.retain_train), count, derive_seed(seed, "retained")))
    return open_inputs(surface, forget, retain)
