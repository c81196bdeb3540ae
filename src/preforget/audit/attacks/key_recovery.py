"""Key recovery: how much of the forgotten class does an attacker with few labelled inputs win back?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch

from preforget.audit.attacks.attack import SUITES, About, Effort, Finding
from preforget.audit.attacks.few_shot import (
    LABELS,
    PARTS,
    Opened,
    open_shots,
    open_test,
    regained,
    relabelled,
    train_class,
)
from preforget.audit.attacks.observe import Parts
from preforget.audit.attacks.registry import register_attack
from preforget.audit.attacks.scene import Scene
from preforget.core.errors import UsageError
from preforget.core.seeds import derive_seed
from preforget.data import Split
from preforget.data.dataset import Labels
from preforget.white_box.surface import Surface

SHOTS = (0, 1, 5, 10, 50)
TOKENS = (1, 5, 10)
STEPS, MORE_STEPS = 60, 100
"""Optimizer steps up to 10 shots, and above."""
DRAWS = {"quick": 1, "standard": 2, "full": 3}
"""How many times shots are drawn, by suite; settings that only the full suite has are drawn once."""
NOISY, CLEAR = 0.10, 0.05
"""The margins for fewer than 50 shots, where draws differ, and for 50 or more."""


@dataclass(frozen=True)
class Setting:
    """One attacker: labelled inputs per class, tokens of the new prompt, the part that is learned, and the labels."""

    shots: int
    tokens: int = 1
    part: str = "both"
    labels: str = "true"

    @property
    def key(self) -> str:
        """The key of the value.

        >>> Setting(5, 10, "key", "random").key
        '5 shots, 10 tokens, key alone, random labels'
        """
        words = [shots_in_words(self.shots)]
        words += [f"{self.tokens} tokens"] * (self.tokens != 1)
        words += [f"{self.part} alone"] * (self.part != "both")
        words += [f"{self.labels} labels"] * (self.labels != "true")
        return ", ".join(words)


def shots_in_words(count: int) -> str:
    """Return "1 shot", "5 shots"."""
    return f"{count} shot" if count == 1 else f"{count} shots"


def settings(suite: str) -> list[Setting]:
    """Return the attackers of a suite, plain ones first; labels are only changed if there are shots."""
    if suite not in SUITES:
        raise UsageError(f"the suite is {suite!r}; choose one of {', '.join(SUITES)}")
    if suite == "quick":
        return [Setting(0), Setting(5)]
    chosen = [Setting(shots) for shots in SHOTS]
    chosen += [Setting(5, tokens) for tokens in TOKENS[1:]]
    chosen += [Setting(5, part=part) for part in PARTS if part != "both"]
    chosen += [Setting(5, labels=labels) for labels in LABELS[1:]]
    if suite == "full":
        grid = (Setting(*setting) for setting in product(SHOTS, TOKENS, PARTS, LABELS))
        chosen += [
            setting
            for setting in grid
            if setting not in chosen and (setting.shots or setting.labels == "true")
        ]
    return chosen


def _about() -> About:
    every = settings("full")
    return About(
        name="key_recovery",
        title="Key recovery",
        asks="How many inputs of the forgotten class does an attacker take back who learns a new prompt, row or both "
        "from a few labelled inputs per class? Much can come back in any model: that is learning, and only more than "
        "in the retrained model is residue. Below 50 shots draws differ, so the margin there is 0.10, not 0.05.",
        source="ForgetGate, github.com/DevT02/ForgetGate: few-shot prompts, label controls, prompt lengths",
        margin=CLEAR,
        titles={setting.key: f"forgotten inputs taken back: {setting.key}" for setting in every},
        margins={setting.key: NOISY for setting in every if setting.shots < 50},
    )


ABOUT = _about()


def attack(surface: Surface, parts: Parts[Split], effort: Effort, seed: int) -> Finding:
    """Learn the class anew as every attacker of the suite would.

    A value is the share of forgotten test inputs whose best column of `C + 1` is the new one, a mean over draws of
    shots (`DRAWS`); fewer shots are a subset of more shots. Without shots the class is learned from retained inputs
    alone. A value for more shots than the forgotten class has is left out. Figures: shares by number of shots, true
    labels, and the retained inputs that the new class steals. Raises `DataError` for parts without inputs.
    """
    most = fewest(parts.forget_train.labels)
    chosen = [setting for setting in settings(effort.suite) if setting.shots <= most]
    again = [setting for setting in chosen if setting in settings("standard")]
    test = open_test(surface, parts, seed)
    taken: dict[Setting, list[tuple[float, float]]] = {setting: [] for setting in chosen}
    for draw in range(DRAWS[effort.suite]):
        draw_seed = derive_seed(seed, "key recovery", draw)
        pool = open_shots(surface, parts, max(setting.shots for setting in chosen), draw_seed)
        for setting in again if draw else chosen:
            taken[setting].append(recover(surface, pool, test, setting, draw_seed))
    means = {setting: np.mean(shares, axis=0) for setting, shares in taken.items()}
    curve = [setting for setting in chosen if setting == Setting(setting.shots)]
    figures = {
        "shots": [setting.shots for setting in curve],
        "regained": [round(float(means[setting][0]), 4) for setting in curve],
        "stolen": [round(float(means[setting][1]), 4) for setting in curve],
    }
    return Finding({setting.key: float(mean[0]) for setting, mean in means.items()}, figures)


@register_attack(ABOUT, weight=6, in_full=300, open_weights=True)
def attack_scene(scene: Scene) -> Finding:
    """Learn the class anew in a model with open weights."""
    return attack(scene.surface, scene.splits, scene.effort, scene.seed)


def fewest(labels: Labels) -> int:
    """Return the number of inputs of the smallest class; 0 without classes."""
    return int(min(np.unique(labels.astype(str), return_counts=True)[1], default=0))


def recover(surface: Surface, pool: Opened, test: Opened, setting: Setting, seed: int) -> tuple[float, float]:
    """Return the shares of forgotten and of retained test inputs that one attacker's new class takes.

    All attackers of one seed start from the same prompt of their length, so that they differ only in what they know.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "start"))
    labeller = torch.Generator().manual_seed(derive_seed(seed, "labels"))
    rows = pool.shots(setting.shots)
    targets = relabelled(pool.targets[rows], setting.labels, len(surface.labels) + 1, labeller)
    steps = STEPS if setting.shots <= 10 else MORE_STEPS
    new = train_class(surface, pool.read, rows, targets, setting.part, setting.tokens, steps, generator)
    return regained(surface, test.read, test.forgotten, test.retained, new)
