"""Values by seed become gaps and verdicts, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from preforget.audit.assemble import Setting, assemble, measure, measures_of, shadow_measures
from preforget.audit.attacks.attack import About
from preforget.audit.attacks.registry import shadow_attacks

ABOUT = About(
    "test",
    "A test",
    "Is it?",
    "nobody",
    0.1,
    titles={"b": "the second", "a": "the first"},
    margins={"a": 0.5},
    unjudged=frozenset({"c"}),
)
SETTING = Setting(
    suite="quick",
    seeds=[0, 1, 2],
    made="2026-01-31T12:00:00.000Z",
    model={
        "id": None,
        "engine": "exact",
        "guarantee": "exact",
        "backbone": {"id": "builtin", "revision": None, "digest": "sha256:0", "image_size": 32},
        "options": {},
        "classes": 3,
    },
    data={"name": "d", "digest": "sha256:0", "train": 1, "validation": 1, "test": 1},
    forgotten=["cat"],
    machine={"processor": "p", "cores": 2, "torch": "2", "python": "3", "threads": 1},
    command="preforget audit m --data d --forget cat",
)


def columns(unlearned: list[float | None], retrain: list[float | None]) -> dict[str, list[float | None]]:
    return {"unlearned": unlearned, "retrain": retrain}


@pytest.mark.parametrize(
    ("key", "unlearned", "retrain", "gap", "verdict"),
    [
        ("b", [0.50, 0.51, 0.52], [0.50, 0.52, 0.51], 0.0, "equivalent"),
        ("b", [0.90, 0.91, 0.92], [0.50, 0.52, 0.51], 0.4, "different"),
        ("b", [0.90, 0.10, 0.52], [0.50, 0.52, 0.51], -0.01 / 3, "undecided"),
        ("b", [0.9], [0.5], 0.4, "different"),
        ("b", [0.55], [0.5], 0.05, "undecided"),
        ("a", [0.9], [0.5], 0.4, "undecided"),
        ("c", [0.9, 0.9], [0.5, 0.5], 0.4, "shown"),
        ("b", [None, 0.7, 0.7], [0.5, 0.5, None], 0.2, "different"),
    ],
)
def test_verdicts(
    key: str, unlearned: list[float | None], retrain: list[float | None], gap: float, verdict: str
) -> None:
    found = measure(ABOUT, key, columns(unlearned, retrain))
    assert found.gap == pytest.approx(gap)
    assert found.verdict == verdict
    assert found.margin == (None if key == "c" else {"a": 0.5}.get(key, 0.1))
    assert found.original is None


def test_a_value_without_control_is_shown() -> None:
    found = measure(ABOUT, "b", {"original": [1.0], "unlearned": [0.5]})
    assert (found.verdict, found.gap, found.interval, found.margin) == ("shown", None, None, None)


def test_values_come_in_the_order_of_titles_and_missing_ones_are_none() -> None:
    values = {"unlearned": [{"a": 1.0, "other": 2.0}, {"b": 3.0}], "retrain": [{"a": 1.0}, {}]}
    found = measures_of(ABOUT, values)
    assert [(one.key, one.title, one.unlearned) for one in found] == [
        ("b", "the second", [None, 3.0]),
        ("a", "the first", [1.0, None]),
        ("other", "other", [2.0, None]),
    ]


def test_the_whole_says_what_differs() -> None:
    def roles(value: float) -> list[dict[str, object]]:
        values = {"forget accuracy": value, "retain accuracy": 0.9}
        return [{"values": values, "figures": {}, "seconds": 0.5}] * 3

    found = assemble(SETTING, {"mixed_stream": {"unlearned": roles(0.7), "retrain": roles(0.0)}})
    assert len(found.measures) == 2
    assert [title.split(": ", 1)[0] for title in found.missed] == ["Answers on one mixed stream"]
    assert (found.passed, found.undecided, found.seconds) == (False, [], 3.0)
    same = assemble(SETTING, {"mixed_stream": {"unlearned": roles(0.0), "retrain": roles(0.0)}})
    assert same.passed


def test_shadows_that_tell_nothing_and_shadows_that_tell() -> None:
    rng = np.random.default_rng(0)
    member = rng.random((8, 2000)) < 0.5
    noise = rng.normal(size=member.shape)
    for lift, verdict in ((0.0, "equivalent"), (1.5, "different")):
        attack = shadow_attacks()["lira"]
        found = {one.key: one for one in shadow_measures(attack, noise + lift * member, member)[0]}
        assert found["auc"].verdict == verdict
        assert found["auc"].retrain == pytest.approx([0.5] * 8, abs=0.15)
        assert found["distance"].verdict == "shown"
