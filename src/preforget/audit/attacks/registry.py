"""The registry of attacks: each attack's file registers one function, and so does a user's own file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from preforget.audit.attacks.attack import About, Finding
from preforget.audit.attacks.order import ORDER
from preforget.audit.attacks.scene import RETRAIN, UNLEARNED, Scene
from preforget.core.registry import Registry

AFTER = (UNLEARNED, RETRAIN)
"""The models without the class; most attacks run on these."""

Call = Callable[[Scene], Finding | None]


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


ATTACKS: Registry[Attack] = Registry("attack", package="preforget.audit.attacks", group="preforget.attacks")
"""All attacks by name."""


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


def attack_names() -> list[str]:
    """Return the names of all attacks in the order of reports."""
    return in_order(ATTACKS)


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of attacks in the order of reports."""
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
