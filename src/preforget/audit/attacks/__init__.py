"""Attacks and measures, one per file, and what each is given.

What a file with an attack of your own needs is here: a function of a `Scene` that returns a `Finding`, entered by
`@register_attack(ABOUT)`.
"""

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
