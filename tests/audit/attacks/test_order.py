"""The list of attacks that the command line shows."""

from preforget.audit.attacks.order import ORDER
from preforget.audit.attacks.registry import ATTACKS


def test_every_attack_of_this_package_is_listed() -> None:
    ours = [name for name in ATTACKS if ATTACKS[name].call.__module__.startswith("preforget.")]
    assert sorted(ours) == sorted(ORDER)
