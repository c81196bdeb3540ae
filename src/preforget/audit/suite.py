"""All attacks by name: what each needs of a scene, which suite it belongs to, and whom it is run on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from preforget.audit.attacks import (
    abstention,
    cost,
    divergence,
    jailbreak,
    key_recovery,
    leftovers,
    membership,
    mixed_stream,
    neighbours,
    probes,
    relearn,
    retain_finetune,
    row_recovery,
    sequence,
    trained_membership,
)
from preforget.audit.attacks.attack import About, Finding
from preforget.audit.attacks.scene import ORIGINAL, RETRAIN, ROLES, UNLEARNED, Scene
from preforget.backbones.spectrogram import AudioEncoder
from preforget.classifier import PreForgettableClassifier
from preforget.engines.prompted import PromptEngine

AFTER = (UNLEARNED, RETRAIN)
PIXEL_STEP = 8 / 255
"""How far PGD may move a pixel, of 1."""
SOUND_STEP = 0.1
"""How far PGD may move a spectrogram, in its own normalised units."""
KEPT = 0.95
"""Share of retained inputs that a model without a threshold of its own is taken to answer."""


@dataclass(frozen=True)
class Attack:
    """An attack as the audit runs it: `call` gives None where it can't be run.

    `weight`: how long it takes beside the others, `in_full` where that is another in the full suite.
    """

    about: About
    call: Callable[[Scene], Finding | None]
    suite: str = "quick"
    roles: tuple[str, ...] = AFTER
    weight: int = 1
    in_full: int | None = None
    open: bool = False

    def weight_in(self, suite: str) -> int:
        """Return the weight in a suite."""
        return self.weight if suite != "full" or self.in_full is None else self.in_full


def _accepts(scene: Scene) -> Callable[[Tensor], Tensor]:
    """Return the model's own rule for answering, from scores `[n, C]`; a quantile of softmax where it has none."""
    model = scene.model
    if isinstance(model, PreForgettableClassifier) and isinstance(model.engine, PromptEngine):
        engine, limit = model.engine, model.engine.threshold(model.keep)
        return lambda scores: torch.from_numpy(engine.log_confidence(scores.detach().cpu().numpy()) >= limit)
    known = scene.surface.logits(
        scene.surface.read(scene.splits.retain_test.inputs), torch.arange(len(scene.splits.retain_test))
    )
    limit = float(torch.quantile(torch.softmax(known.double(), dim=1).max(dim=1).values, 1 - KEPT))
    return lambda scores: torch.softmax(scores.detach().double(), dim=1).max(dim=1).values >= limit


def _step(scene: Scene) -> float | Tensor:
    """Return how far an input may be moved, in the units of the encoder's input."""
    encoder = getattr(getattr(scene.model, "engine", scene.model), "encoder", None)
    if encoder is None or isinstance(encoder, AudioEncoder):
        return SOUND_STEP
    return PIXEL_STEP / torch.tensor(encoder.preprocessing.std).view(3, 1, 1)


def _jailbreak(scene: Scene) -> Finding:
    return jailbreak.attack(
        scene.surface,
        scene.splits,
        scene.effort,
        scene.seed,
        stolen=scene.stolen(),
        accepts=_accepts(scene),
        eps=_step(scene),
    )


def _probes(scene: Scene) -> Finding:
    return probes.attack(scene.surface, scene.splits, scene.effort, scene.seed)


def _relearn(scene: Scene) -> Finding | None:
    if scene.target is None:
        return None
    return relearn.attack(scene.surface, scene.splits, scene.effort, scene.seed, scene.target)


def _sequence(scene: Scene) -> Finding | None:
    if not isinstance(scene.model, PreForgettableClassifier) or len(scene.model.engine.bank) < 2:
        return None
    return sequence.run(scene.model, scene.splits, scene.effort, scene.seed)


def _cost(scene: Scene) -> Finding | None:
    if not isinstance(scene.model, PreForgettableClassifier):
        return None
    label = scene.forgotten[0] if scene.role == ORIGINAL else scene.model.classes_[0]
    return cost.measure(scene.model, label, scene.learn_seconds)


ATTACKS: dict[str, Attack] = {
    attack.about.name: attack
    for attack in (
        Attack(mixed_stream.ABOUT, lambda s: mixed_stream.measure(s.seen), roles=ROLES),
        Attack(abstention.ABOUT, lambda s: abstention.measure(s.seen), roles=ROLES),
        Attack(membership.ABOUT, lambda s: membership.measure(s.seen), roles=ROLES),
        Attack(trained_membership.ABOUT, lambda s: trained_membership.measure(s.seen, s.seed), roles=ROLES),
        Attack(
            divergence.ABOUT_JSD,
            lambda s: None if s.another is None else divergence.compare(s.seen, s.another),
        ),
        Attack(
            divergence.ABOUT_ZRF,
            lambda s: None if s.untrained is None else divergence.zrf(s.seen, s.untrained),
        ),
        Attack(
            neighbours.ABOUT,
            lambda s: None if s.another is None else neighbours.compare(s.seen, s.another, s.seed),
        ),
        Attack(probes.ABOUT, _probes, roles=ROLES, weight=2, open=True),
        Attack(
            key_recovery.ABOUT,
            lambda s: key_recovery.attack(s.surface, s.splits, s.effort, s.seed),
            weight=6,
            in_full=300,
            open=True,
        ),
        Attack(
            row_recovery.ABOUT,
            lambda s: row_recovery.attack(s.surface, s.splits, s.effort, s.seed),
            weight=2,
            open=True,
        ),
        Attack(
            leftovers.ABOUT,
            lambda s: leftovers.attack(s.surface, s.splits, s.effort, s.seed),
            weight=2,
            open=True,
        ),
        Attack(relearn.ABOUT, _relearn, weight=3, open=True),
        Attack(
            retain_finetune.ABOUT,
            lambda s: retain_finetune.attack(s.surface, s.splits, s.effort, s.seed),
            weight=4,
            open=True,
        ),
        Attack(jailbreak.ABOUT, _jailbreak, weight=4, open=True),
        Attack(sequence.ABOUT, _sequence, weight=3),
        Attack(cost.ABOUT, _cost, roles=(ORIGINAL, RETRAIN)),
    )
}
