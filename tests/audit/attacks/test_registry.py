"""Every attack is there once, says what it is, and runs on each engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from preforget.audit.attacks.attack import SUITES, Effort
from preforget.audit.attacks.jailbreak import rule_of, step_of
from preforget.audit.attacks.order import ORDER
from preforget.audit.attacks.registry import (
    ATTACKS,
    Attack,
    ShadowAttack,
    attack_names,
    attack_on_scene,
    in_order,
    register_attack,
    scene_attacks,
    shadow_attacks,
)
from preforget.audit.attacks.scene import ROLES, UNLEARNED, RandomHead, Scene, observe_parts
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import UsageError

from ..conftest import Make, coloured
from ..heads import parts_of


def scene(model: PreForgettableClassifier) -> Scene:
    splits = parts_of(coloured(12), coloured(12, 1), "red")
    seen = observe_parts(model, splits)
    untrained = RandomHead(model.engine_.encoder, ("blue", "green"), 0)
    return Scene(
        role=UNLEARNED,
        load=lambda: model,
        splits=splits,
        seen=seen,
        forgotten=("red",),
        effort=Effort("quick", 24),
        another=seen,
        untrained=observe_parts(untrained, splits),
        target=1.0,
    )


def test_names_and_words() -> None:
    assert list(ATTACKS) == [attack.about.name for _, attack in ATTACKS.items()]
    for name, attack in ATTACKS.items():
        about = attack.about
        assert name.isidentifier()
        assert about.title
        assert about.asks.endswith((".", "?"))
        assert about.source
        assert attack.suite in SUITES
        if isinstance(attack, Attack):
            assert set(attack.roles) <= set(ROLES)
            assert attack.weight > 0


def test_two_kinds() -> None:
    assert list(shadow_attacks()) == ["lira"]
    assert scene_attacks() == [name for name in attack_names() if name != "lira"]
    assert isinstance(ATTACKS["lira"], ShadowAttack)
    with pytest.raises(UsageError, match="the attack 'lira' needs shadow models, which only an audit learns"):
        attack_on_scene("lira")


def test_the_order_of_reports_is_fixed_and_extensions_follow() -> None:
    assert attack_names() == list(ORDER)
    assert in_order(["zz", "cost", "own", "jsd"]) == ["jsd", "cost", "own", "zz"]
    with pytest.raises(ValueError, match="'cost' is registered twice"):
        register_attack(ATTACKS["cost"].about)(lambda scene: None)


@pytest.mark.parametrize("engine", ["isolated", "exact", "paper"])
def test_all_run_and_name_what_they_find(make: Make, engine: str) -> None:
    model = make(engine, coloured(12))
    model.forget("red")
    before = [record.digest() for record in model.engine_.records()]
    stage = scene(model)
    for name in scene_attacks():
        attack = attack_on_scene(name)
        found = attack.call(stage)
        if name == "difference" and engine != "exact":
            assert found is None  # only models that equal retraining have anything to solve for
            continue
        assert found is not None, name
        assert all(np.isfinite(value) for value in found.values.values()), name
        unnamed = set(found.values) - set(attack.about.titles)
        assert not unnamed, name
    assert [record.digest() for record in model.engine_.records()] == before
    assert model.labels == ["blue", "green"]


@pytest.mark.parametrize("engine", ["isolated", "exact", "paper"])
def test_what_is_accepted_is_what_the_model_answers(make: Make, engine: str) -> None:
    model = make(engine, coloured(12))
    accepts: Any = rule_of(scene(model))
    inputs = coloured(6, 2).inputs
    found = accepts(torch.from_numpy(model.scores(inputs)))
    if engine == "exact":
        assert found.float().mean() > 0.5  # a quantile of softmax: its own rule needs features, not scores
        return
    _, confidence = model.engine_.evaluate(inputs)
    assert found.tolist() == list(confidence >= model.engine_.threshold(model.keep))


def test_a_step_of_a_pixel_is_in_the_units_of_the_input(make: Make) -> None:
    step = step_of(scene(make("exact", coloured(6))))
    assert torch.is_tensor(step)
    assert step.flatten().tolist() == pytest.approx([8 / 255 / 0.5] * 3)


def test_the_full_grid_of_key_recovery_weighs_more() -> None:
    attack = attack_on_scene("key_recovery")
    assert attack.weight_in("quick") == attack.weight_in("standard") == attack.weight
    assert attack.weight_in("full") > 10 * attack.weight
    assert attack_on_scene("probes").weight_in("full") == attack_on_scene("probes").weight
