"""The table of attacks: each attack's file enters one function there, and so does a user's own file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from preforget.audit.attacks.attack import About, Finding
from preforget.audit.attacks.scene import RETRAIN, UNLEARNED, Scene
from preforget.core.registry import Registry

AFTER = (UNLEARNED, RETRAIN)
"""The models from which something was left out: what most attacks are run on."""

ORDER = (
    *("mixed_stream", "abstention", "membership", "trained_membership", "jsd", "zrf", "neighbours", "probes"),
    *(
        "key_recovery",
        "row_recovery",
        "leftovers",
        "relearn",
        "retain_finetune",
        "jailbreak",
        "sequence",
        "difference",
        "cost",
    ),
)
"""The order of this package's attacks in reports; those of extensions follow, sorted by name."""

Call = Callable[[Scene], Finding | None]


@dataclass(frozen=True)
class Attack:
    """An attack as the audit runs it.

    `call` returns None where the attack can't be run; `suite`: the smallest suite that it belongs to; `roles`: the
    models that it is run on; `weight`: how long it takes beside the others, `in_full` where that is another in the
    full suite; `open_weights`: whether it needs the model's weights, and not its answers alone.
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
    """Return a decorator that enters a function of a `Scene` as the attack `about.name`.

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
