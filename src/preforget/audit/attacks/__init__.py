"""Attacks and measures, one per file, and their inputs.

An attack of your own is a function of a `Scene` that returns a `Finding`, registered by `@register_attack(ABOUT)`, in a
file that imports what it needs from here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from preforget.audit.attacks.attack import About, Effort, Finding
    from preforget.audit.attacks.observe import Parts, Seen
    from preforget.audit.attacks.registry import ATTACKS, register_attack
    from preforget.audit.attacks.scene import ORIGINAL, RETRAIN, ROLES, UNLEARNED, Scene

__all__ = [
    "ATTACKS",
    "ORIGINAL",
    "RETRAIN",
    "ROLES",
    "UNLEARNED",
    "About",
    "Effort",
    "Finding",
    "Parts",
    "Scene",
    "Seen",
    "register_attack",
]

_MODULES = {
    "ATTACKS": "registry",
    "ORIGINAL": "scene",
    "RETRAIN": "scene",
    "ROLES": "scene",
    "UNLEARNED": "scene",
    "About": "attack",
    "Effort": "attack",
    "Finding": "attack",
    "Parts": "observe",
    "Scene": "scene",
    "Seen": "observe",
    "register_attack": "registry",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that the command line can list attacks without torch."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has: {', '.join(__all__)}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names alone."""
    return list(__all__)
