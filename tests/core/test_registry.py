from __future__ import annotations

import pytest

from preforget.core.errors import UsageError
from preforget.core.registry import Registry


def test_entries_by_name() -> None:
    attacks: Registry[int] = Registry("attack")
    assert attacks.register("b")(2) == 2
    attacks.register("a")(1)
    assert attacks["b"] == 2
    assert list(attacks) == ["a", "b"]
    assert "a" in attacks
    assert "c" not in attacks


def test_a_name_is_entered_once() -> None:
    attacks: Registry[int] = Registry("attack")
    attacks.register("a")(1)
    with pytest.raises(ValueError, match="attack 'a' is registered twice"):
        attacks.register("a")(2)
    assert attacks["a"] == 1


def test_an_unknown_name_lists_the_known_ones() -> None:
    attacks: Registry[int] = Registry("attack")
    attacks.register("b")(2)
    attacks.register("a")(1)
    with pytest.raises(UsageError, match=r"unknown attack 'x'; choose one of: a, b"):
        attacks["x"]
