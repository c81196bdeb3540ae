"""Relearn time: crossings by hand and beside interpolation; what is known already comes back sooner."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.audit.attacks.attack import Effort
from preforget.audit.attacks.few_shot import open_inputs, open_test
from preforget.audit.attacks.observe import Parts
from preforget.audit.attacks.relearn import (
    ABOUT,
    CAPS,
    MOST_STOLEN,
    PACE,
    attack,
    checks,
    counted,
    crossing,
    relearned,
)
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import DataError, UsageError
from preforget.core.seeds import derive_seed
from preforget.data import Split
from preforget.white_box.open_model import surface_of

from ..toy_surface import D, H, ToySurface, forgotten_from, learned, parts, vectors


def test_crossings_by_hand() -> None:
    assert crossing([0, 4, 6], [0.0, 0.5, 0.9], 0.8, 60) == pytest.approx(5.5)
    assert crossing([0, 10], [0.0, 1.0], 0.25, 60) == pytest.approx(2.5)
    assert (
        crossing([0], [1.0], 0.9, 60) == 1.0
    )  # nothing to learn counts as one step, so that logarithms exist
    assert crossing([0, 1], [0.2, 0.9], 0.3, 60) == 1.0
    assert crossing([0, 30, 60], [0.0, 0.2, 0.3], 0.9, 60) == 60.0
    assert crossing([0, 2, 4], [0.0, 0.5, 0.5], 0.5, 60) == 2.0
    assert counted(0.9, MOST_STOLEN) == 0.9
    assert counted(1.0, MOST_STOLEN + 0.01) == 0.0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 1.0))
def test_a_crossing_is_that_of_straight_interpolation(seed: int, goal: float) -> None:
    rng = np.random.default_rng(seed)
    steps = checks(50)
    rising = np.sort(rng.random(len(steps))) + np.arange(len(steps)) * 1e-6
    found = crossing(steps, rising.tolist(), goal, 50)
    expected = np.interp(goal, rising, steps) if goal <= rising[-1] else 50
    assert found == pytest.approx(max(1.0, float(expected)), rel=1e-9)
    assert crossing(steps, rising.tolist(), goal / 2, 50) <= found  # a lower goal is reached no later


@pytest.mark.parametrize("cap", [1, 2, 60, 200, 500])
def test_checks_are_every_step_at_first_and_end_at_the_cap(cap: int) -> None:
    found = checks(cap)
    assert found[:3] == list(range(3))[: cap + 1]
    assert found[-1] == cap
    gaps = np.diff(found)
    assert (gaps <= np.maximum(1, np.array(found[:-1]) // 6)).all()
    assert (gaps >= 1).all()


@pytest.mark.parametrize("kind", ["own", "shared", "closed"])
def test_shares_are_those_of_a_plain_loop(kind: str) -> None:
    data = parts(each=16)  # 32 forgotten and retained inputs: one batch, so that their order doesn't matter
    surface = learned(data.retain_train, kind, steps=60)
    pool = open_inputs(surface, data.forget_train, data.retain_train.select(range(16)))
    steps, shares = relearned(surface, pool, open_test(surface, data, 0), 2.0, 5, 3)
    new = surface.start(1, torch.Generator().manual_seed(derive_seed(3, "start")))
    live = {name: tensor.clone() for name, tensor in surface.weights.items()}
    trained = [*new.values(), *([live["adapter.map"]] if kind == "shared" else [])]
    optimizer = torch.optim.Adam([t.requires_grad_() for t in trained], lr=PACE / 16)
    test = surface.read(data.forget_test.inputs)
    expected = []
    for _ in range(6):
        with torch.no_grad():
            won = surface.logits(test, torch.arange(len(test)), new, live).argmax(dim=1) == 3
        expected.append(float(won.double().mean()))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(
            surface.logits(pool.read, torch.arange(32), new, live), pool.targets
        ).backward()
        optimizer.step()
    assert steps == [0, 1, 2, 3, 4, 5]
    assert [share[0] for share in shares] == pytest.approx(expected, abs=0.07)  # rounding may move an input


def test_it_finds_a_class_that_shows_and_not_one_that_does_not() -> None:
    data = parts()
    models = [learned(data.retain_train, blind=blind) for blind in (False, True)]
    numb = ToySurface(models[0].labels, {**models[0].weights, "adapter.map": torch.zeros(D, H)})
    seeing, blind, none = (attack(model, data, Effort("quick"), 0, 1.0) for model in (*models, numb))
    cap = CAPS["quick"]
    assert seeing.values["steps"] < 0.4 * cap
    # where two classes look the same, taking one means taking the other too, and takes longer
    assert blind.values["steps, log2"] - seeing.values["steps, log2"] > ABOUT.margin
    # where all look the same, a class that takes them all counts as not learned: the cap
    assert none.values == {"steps": pytest.approx(cap), "steps, log2": pytest.approx(log2(cap))}
    assert (seeing.figures["capped"], none.figures["capped"]) == (0, 1)
    curve = seeing.figures["curves"][0]
    assert curve["accuracy"][-1] >= seeing.figures["goal"] == 0.95
    assert len(curve["step"]) == len(curve["accuracy"]) == len(curve["stolen"])
    assert ABOUT.unjudged == {"steps"}


def test_a_shared_part_that_saw_the_class_brings_it_back_sooner() -> None:
    data = parts(seed=1)
    gaps = []
    for seed in range(3):
        saw = forgotten_from(learned(vectors(60, 2), "shared", blind=True, seed=seed), "a")
        never = learned(data.retain_train, "shared", blind=True, seed=seed)
        assert saw.labels == never.labels == ("b", "c", "d")
        one, other = (attack(s, data, Effort("standard"), 0, 1.0).values["steps, log2"] for s in (saw, never))
        gaps.append(one - other)
    assert np.mean(gaps) < -ABOUT.margin


def test_the_model_stays_as_it_is() -> None:
    data = parts(each=20)
    surface = learned(data.retain_train, "shared", steps=30)
    copy = ToySurface(surface.labels, surface.weights, "shared")
    found = attack(surface, data, Effort("quick"), 5, 0.9)
    assert all(torch.equal(tensor, copy.weights[name]) for name, tensor in surface.weights.items())
    assert found == attack(copy, data, Effort("quick"), 5, 0.9)


def test_what_has_no_answer_gives_none() -> None:
    data = parts(each=6)
    surface = learned(data.retain_train, steps=1)
    assert attack(surface, data, Effort(), 0, 0.0).values == {}
    for target in (-0.1, 1.5, float("nan")):
        with pytest.raises(UsageError, match="the target is"):
            attack(surface, data, Effort(), 0, target)
    empty = Parts(data.forget_train.select([]), data.forget_test, data.retain_train, data.retain_test)
    with pytest.raises(DataError, match="relearning needs both"):
        attack(surface, empty, Effort(), 0, 1.0)


def test_each_engine_can_be_attacked(model: PreForgettableClassifier, split: Split) -> None:
    own, others = split.only("red"), split.without("red")
    found = attack(surface_of(model), Parts(own, own, others, others), Effort(), 0, 1.0)
    assert 1 <= found.values["steps"] <= CAPS["quick"] + 1e-3
