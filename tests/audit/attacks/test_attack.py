"""What attacks say of themselves."""

from __future__ import annotations

import pytest

from preforget.audit.attacks.attack import SUITES, About, Effort


def test_margins_of_single_values() -> None:
    about = About("a", "A", "Is it?", "nobody", 0.05, margins={"steps": 0.5})
    assert (about.margin_of("steps"), about.margin_of("auc")) == (0.5, 0.05)


def test_suites_are_ordered() -> None:
    found = [[Effort(own).at_least(other) for other in SUITES] for own in SUITES]
    assert found == [[True, False, False], [True, True, False], [True, True, True]]
    with pytest.raises(ValueError, match="not in tuple"):
        Effort("quick").at_least("enormous")
