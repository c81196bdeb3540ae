from __future__ import annotations

from typing import Any

import pytest

from preforget.audit.attacks.order import ORDER
from preforget.audit.chosen import Chosen, chosen_attacks
from preforget.core.errors import UsageError


def test_the_suite_says_what_is_run_by_default() -> None:
    quick, full = (chosen_attacks(None, suite, None) for suite in ("quick", "full"))
    assert set(quick.on_scenes) <= set(full.on_scenes) == set(ORDER) - {"lira"}
    assert (quick.on_shadows, quick.shadows) == ((), 0)
    assert (full.on_shadows, full.shadows) == (("lira",), 16)


@pytest.mark.parametrize(
    ("attacks", "shadows", "expected"),
    [
        (["lira", "cost", "jsd", "cost"], None, Chosen(("jsd", "cost"), ("lira",), 16)),
        (["jsd"], None, Chosen(("jsd",), (), 0)),
        (["jsd"], 5, Chosen(("jsd",), ("lira",), 5)),
        (["lira"], 4, Chosen((), ("lira",), 4)),
        (["jsd"], 0, Chosen(("jsd",), (), 0)),
    ],
)
def test_named_attacks_and_shadows(attacks: list[str], shadows: int | None, expected: Chosen) -> None:
    assert chosen_attacks(attacks, "quick", shadows) == expected


def test_no_shadows_leave_their_attacks_out_of_a_suite() -> None:
    assert chosen_attacks(None, "full", 0).on_shadows == ()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"suite": "enormous"}, "unknown suite 'enormous'; choose one of: quick, standard, full"),
        ({"attacks": ["charm"]}, "unknown attack 'charm'; choose among: mixed_stream.*lira"),
        ({"shadows": 3}, "shadows must be a whole number of at least 4, or 0 to leave out lira, got 3"),
        ({"shadows": True}, "at least 4, or 0 to leave out lira, got True"),
        ({"attacks": ["lira"], "shadows": 0}, "at least 4, or 0 to leave out lira, got 0"),
    ],
)
def test_what_can_not_be_chosen(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        chosen_attacks(**{"attacks": None, "suite": "quick", "shadows": None, **asked})
