"""Attacks and measures, one per file, and their inputs.

An attack of your own is a function of a `Scene` that returns a `Finding`, registered by `@register_attack(ABOUT)`; or a
function that judges membership by shadow models, registered by `@register_shadow_attack(ABOUT, signal=...)`. Its file
imports what it needs from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from preforget.core.lazy import lazily

if TYPE_CHECKING:
    from preforget.audit.attacks.attack import About, Effort, Finding
    from preforget.audit.attacks.observe import Array, Mask, Parts, Seen
    from preforget.audit.attacks.registry import ATTACKS, register_attack, register_shadow_attack
    from preforget.audit.attacks.scene import ORIGINAL, RETRAIN, ROLES, UNLEARNED, Scene

__all__ = [
    "ATTACKS",
    "ORIGINAL",
    "RETRAIN",
    "ROLES",
    "UNLEARNED",
    "About",
    "Array",
    "Effort",
    "Finding",
    "Mask",
    "Parts",
    "Scene",
    "Seen",
    "register_attack",
    "register_shadow_attack",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "ATTACKS": ".registry",
        "ORIGINAL": ".scene",
        "RETRAIN": ".scene",
        "ROLES": ".scene",
        "UNLEARNED": ".scene",
        "About": ".attack",
        "Array": ".observe",
        "Effort": ".attack",
        "Finding": ".attack",
        "Mask": ".observe",
        "Parts": ".observe",
        "Scene": ".scene",
        "Seen": ".observe",
        "register_attack": ".registry",
        "register_shadow_attack": ".registry",
    },
)
