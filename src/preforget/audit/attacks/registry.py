"""The registry of attacks: each attack's file registers one function, and so does a user's own file.

There are two kinds: most attacks are given the scene of one model; an attack with shadow models is given what many
models answer that were learned, each from a part of the data, and made to forget it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from preforget.audit.attacks.attack import About, Finding
from preforget.audit.attacks.observe import Array, Mask, Seen
from preforget.audit.attacks.order import ORDER
from preforget.audit.attacks.scene import RETRAIN, UNLEARNED, Scene
from preforget.core.errors import UsageError
from preforget.core.registry import Registry

AFTER = (UNLEARNED, RETRAIN)
"""The models without the class; most attacks run on these."""

Call = Callable[[Scene], Finding | None]

Signal = Callable[[Seen], Array]
"""Reads one number from a shadow's answer to each of `m` inputs, `[m]`."""

Scorer = Callable[[Array, Array, Mask], Mapping[str, Array]]
"""From a target's signals `[m]`, and the other shadows' signals and membership `[S - 1, m]`, to named scores `[m]`."""


@dataclass(frozen=True)
class Attack:
    """An attack as the audit runs it.

    `call` returns None if the attack can't be run; `suite`: the smallest suite with the attack; `roles`: the models on
    which it runs; `weight`: its relative duration, `in_full` in the full suite, if different; `open_weights`: whether
    it needs the model's weights, not only its answers.
    """

    about: About
    call: Call
    suite: str = "quick"
    roles: tuple[str, ...] = AFTER
    weight: int = 1
    in_full: int | None = None
    open_weights: bool = False

    def weight_in(self, suite: str) -> int:
        """Return the weight in a suite."""
        return self.weight if suite != "full" or self.in_full is None else self.in_full


@dataclass(frozen=True)
class ShadowAttack:
    """An attack with shadow models: each has learned a random half of the forgotten inputs and forgotten them again.

    `signal`: what the attacker reads from a shadow's answers, see `Signal`; `call`: how likely a target has learned
    each input, judged by the other shadows, see `Scorer`: higher like an input that it has learned. The first of the
    scores is judged, others are shown beside it. `suite`: the smallest suite with the attack.
    """

    about: About
    signal: Signal
    call: Scorer
    suite: str = "full"


ATTACKS: Registry[Attack | ShadowAttack] = Registry(
    "attack", package="preforget.audit.attacks", group="preforget.attacks"
)
"""All attacks by name, of both kinds."""


def register_attack(
    about: About,
    *,
    suite: str = "quick",
    roles: tuple[str, ...] = AFTER,
    weight: int = 1,
    in_full: int | None = None,
    open_weights: bool = False,
) -> Callable[[Call], Call]:
    """Return a decorator that registers a function of a `Scene` as the attack `about.name`.

    The arguments are the fields of `Attack`. Raises `ValueError` if the name is taken.
    """

    def enter(call: Call) -> Call:
        attack = Attack(about, call, suite, roles, weight, in_full, open_weights)
        ATTACKS.register(about.name, module=call.__module__)(attack)
        return call

    return enter


def register_shadow_attack(
    about: About, *, signal: Signal, suite: str = "full"
) -> Callable[[Scorer], Scorer]:
    """Return a decorator that registers a `Scorer` as the attack `about.name`, which is run on shadow models.

    The arguments are the fields of `ShadowAttack`. Raises `ValueError` if the name is taken.
    """

    def enter(call: Scorer) -> Scorer:
        ATTACKS.register(about.name, module=call.__module__)(ShadowAttack(about, signal, call, suite))
        return call

    return enter


def attack_on_scene(name: str) -> Attack:
    """Return an attack that is run on one model; raises `UsageError` for one with shadow models."""
    attack = ATTACKS[name]
    if isinstance(attack, ShadowAttack):
        raise UsageError(f"the attack {name!r} needs shadow models, which only an audit learns; leave it out")
    return attack


def scene_attacks() -> list[str]:
    """Return the names of the attacks on one model in the order of reports."""
    return in_order(name for name, attack in ATTACKS.items() if isinstance(attack, Attack))


def shadow_attacks() -> dict[str, ShadowAttack]:
    """Return the attacks with shadow models by name, in the order of reports."""
    attacks = {name: attack for name, attack in ATTACKS.items() if isinstance(attack, ShadowAttack)}
    return {name: attacks[name] for name in in_order(attacks)}


def attack_names() -> list[str]:
    """Return the names of all attacks in the order of reports."""
    return in_order(ATTACKS)


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of attacks in the order of reports."""
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
