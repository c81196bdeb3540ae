"""What a worker does leaves files, and these say what the model said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from preforget.audit import tasks
from preforget.audit.attacks.attack import Effort
from preforget.audit.attacks.scene import ORIGINAL, RETRAIN, UNLEARNED, observe_parts
from preforget.classifier.packing import as_arrays
from preforget.data import Dataset

from .conftest import Make, coloured


@pytest.fixture
def context(make: Make, tmp_path: Path) -> tasks.Context:
    """The folder of an audit whose given model is learned."""
    data = Dataset("colours", coloured(10), coloured(4, 1), coloured(6, 2), ("blue", "green", "red"), "")
    found = tasks.Context(
        "recipe",
        "key",
        tmp_path / "work",
        data,
        ("red",),
        ("blue", "green"),
        Effort("quick", 20),
        (3, 4),
        "cpu",
        True,
    )
    model = make("exact", data.train, seed=3)
    found.open_work().put_arrays(as_arrays(model), "recipe", "given")
    return found


def test_where_models_come_from(context: tasks.Context) -> None:
    assert context.made(ORIGINAL, 3) is context.made(UNLEARNED, 3) is None
    assert context.made(RETRAIN, 3) == (RETRAIN, 3)
    assert context.made(ORIGINAL, 4) == context.made(UNLEARNED, 4) == (ORIGINAL, 4)


def test_learning_looking_and_attacking(context: tasks.Context) -> None:
    seconds = [tasks.learn(context, role, seed) for role, seed in ((RETRAIN, 3), (ORIGINAL, 4), (RETRAIN, 4))]
    assert min(seconds) > 0
    assert tasks.learn(context, RETRAIN, 3) == seconds[0]  # not learned again
    for role in (ORIGINAL, UNLEARNED, RETRAIN, "untrained"):
        for seed in context.seeds:
            tasks.look(context, role, seed)
    model = tasks.load(context, UNLEARNED, 3)
    assert model.labels == ["blue", "green"]
    assert tasks.load(context, ORIGINAL, 3).labels == ["blue", "green", "red"]
    assert tasks.load(context, RETRAIN, 3).engine_.config.seed == 3
    assert tasks.load(context, RETRAIN, 4).engine_.config.seed == 4
    kept, said = (
        tasks.seen_of(context, UNLEARNED, 3),
        observe_parts(model, tasks.asked(context, 3)),
    )
    for (_, one), (_, other) in zip(kept.items(), said.items(), strict=True):
        assert one.labels == other.labels
        assert list(one.answers) == list(other.answers)
        for name in ("scores", "probabilities", "confidence"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
    tasks.attack(context, "mixed_stream", UNLEARNED, 3)
    found = context.open_work().get("key", "attack", "mixed_stream", UNLEARNED, 3)
    assert found["values"]["forget accuracy"] == 0
    assert found["seconds"] >= 0
    stage = tasks.scene(context, UNLEARNED, 3)
    assert stage.target is not None
    assert stage.target > 0.5
    assert stage.another is not None
    assert stage.stolen() is None  # closed form has no record to steal


def test_a_shadow_learns_half_of_what_it_forgets(context: tasks.Context) -> None:
    for number in range(2):
        tasks.shadow(context, number, ["lira"])
    first, second = (
        context.open_work().get_arrays("recipe", "shadow", number, "lira") for number in range(2)
    )
    assert first is not None
    assert second is not None
    assert first["member"].sum() == second["member"].sum() == 5
    assert not np.array_equal(first["member"], second["member"])
    assert first["signal"].shape == (10,)
    assert np.isfinite(first["signal"]).all()
    assert context.open_work().get_arrays("recipe", "model", "shadow", 0) is not None
    signals, member = tasks.shadowed(context, "lira", 2)
    np.testing.assert_array_equal(signals[1], second["signal"])
    np.testing.assert_array_equal(member[0], first["member"])
