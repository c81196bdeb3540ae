"""Which attacks an audit runs: those that were named, or those of its suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from preforget.audit.attacks.attack import SUITES, Effort
from preforget.audit.attacks.registry import ATTACKS, attack_names, in_order, shadow_attacks
from preforget.audit.attacks.shadows import FEWEST
from preforget.core.errors import UsageError

SHADOWS = 16
"""How many shadow models are learned by default."""


@dataclass(frozen=True)
class Chosen:
    """The attacks of an audit, in the report's order: on one model each, and on how many shadow models."""

    on_scenes: tuple[str, ...]
    on_shadows: tuple[str, ...]
    shadows: int


def chosen_attacks(attacks: Sequence[str] | None, suite: str, shadows: int | None) -> Chosen:
    """Return the attacks that were named, by default those of the suite, and how many shadows they need.

    Raises `UsageError` for an unknown attack or suite and for a number of shadows that can't be used.
    """
    if suite not in SUITES:
        raise UsageError(f"unknown suite {suite!r}; choose one of: {', '.join(SUITES)}")
    for name in attacks or ():
        if name not in ATTACKS:
            raise UsageError(f"unknown attack {name!r}; choose among: {', '.join(attack_names())}")
    effort, with_shadows = Effort(suite), shadow_attacks()
    if attacks:
        names = in_order(set(attacks))
    else:
        names = [name for name in attack_names() if effort.at_least(ATTACKS[name].suite)]
    on_shadows = tuple(name for name in names if name in with_shadows)
    if shadows is None:
        shadows = SHADOWS if on_shadows else 0
    none = shadows == 0 and not (attacks and on_shadows)
    if isinstance(shadows, bool) or not isinstance(shadows, int) or (shadows < FEWEST and not none):
        raise UsageError(
            f"shadows must be a whole number of at least {FEWEST}, or 0 to leave out {', '.join(with_shadows)}, "
            f"got {shadows!r}"
        )
    on_shadows = (on_shadows or tuple(with_shadows)) if shadows else ()
    return Chosen(tuple(name for name in names if name not in with_shadows), on_shadows, shadows)
