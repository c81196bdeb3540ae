"""Fine-tuning on retained data: tuned copies say what tuned models say, and what the model can't see stays away."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from preforget.audit.attacks import row_recovery
from preforget.audit.attacks.attack import Effort
from preforget.audit.attacks.few_shot import open_inputs
from preforget.audit.attacks.observe import Parts
from preforget.audit.attacks.retain_finetune import (
    ABOUT,
    Tuned,
    attack,
    fine_tuned,
    taken_at_random,
)
from preforget.audit.attacks.row_recovery import Sight
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import DataError, UsageError
from preforget.data import Split
from preforget.white_box.open_model import surface_of

from ..toy_surface import ToySurface, learned, parts


def test_shares_of_random_rows_by_hand() -> None:
    seen = Sight(np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([3.0, 3.0]))
    directions = np.array([[1.0, 0.0], [0.0, 5.0], [3.0, 4.0]])
    # of norm 2: (2, 0), (0, 2), (1.2, 1.6); scores 4, 0, 2.4 and 0, 2, 1.6; with a bias of 1.2 they must beat 1.8
    assert taken_at_random(seen, 2.0, 0.0, directions) == pytest.approx(1 / 6)
    assert taken_at_random(seen, 2.0, 1.2, directions) == pytest.approx(3 / 6)


@pytest.mark.parametrize("kind", ["own", "shared"])
def test_a_tuned_copy_is_the_model_with_the_tuned_weights(kind: str) -> None:
    data = parts(each=12)
    surface = learned(data.retain_train, kind, steps=30)
    before = surface.live()
    opened = open_inputs(surface, None, data.retain_train)
    live, losses = fine_tuned(surface, opened, 25, 0)
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    assert len(losses) == 25
    assert all(torch.equal(before[name], tensor) for name, tensor in surface.live().items())
    assert all(not torch.equal(before[name], tensor) for name, tensor in live.items())
    tuned, model = Tuned(surface, live), ToySurface(surface.labels, {**surface.weights, **live}, kind)
    read, rows = tuned.read(data.forget_test.inputs), torch.tensor([3, 0, 7])
    new = tuned.start(2, torch.Generator().manual_seed(0))
    with torch.no_grad():  # slopes are taken where no gradient is
        torch.testing.assert_close(tuned.readout(read, rows, new), model.readout(read, rows, new))
    torch.testing.assert_close(tuned.logits(read, rows, new), model.logits(read, rows, new))
    assert set(tuned.live()) == set(live)
    for refused in (lambda: tuned.features(data.forget_test.inputs), lambda: tuned.open(read)):
        with pytest.raises(UsageError, match="model itself"):
            refused()
    assert torch.equal(tuned.pixels(data.forget_test.inputs, rows), read[rows])


def test_first_step_is_adam_on_the_retained_loss() -> None:
    data = parts(each=4)  # 12 retained inputs, fewer than a batch
    surface = learned(data.retain_train, steps=20)
    live, _ = fine_tuned(surface, open_inputs(surface, None, data.retain_train), 1, 0)
    read = surface.read(data.retain_train.inputs)
    targets = torch.tensor(["bcd".index(label) for label in data.retain_train.labels])
    copies = {name: tensor.requires_grad_() for name, tensor in surface.live().items()}
    log_p = surface.logits(read, torch.arange(12), live=copies).log_softmax(dim=1)
    (-log_p[torch.arange(12), targets].mean()).backward()
    for name, tensor in copies.items():
        slope = tensor.grad
        expected = tensor - 1e-3 * slope / (slope.abs() + 1e-8)  # Adam's first step
        torch.testing.assert_close(live[name], expected.detach(), atol=2e-5, rtol=1e-4)


def test_nothing_can_be_tuned_in_closed_form() -> None:
    data = parts(each=20)
    surface = learned(data.retain_train, "closed")
    found = attack(surface, data, Effort("quick"), 1)
    assert found.figures == {"tuned": False}
    assert found.values["auroc after"] == found.values["auroc before"]
    plain = row_recovery.recovered(surface, data, (5,), row_recovery.DRAWS["quick"], 1)[5]
    assert found.values["5-shot prototypes after fine-tuning"] == row_recovery.better(plain)


def test_it_finds_a_class_that_shows_and_not_one_that_does_not() -> None:
    data = parts()
    seeing, blind = (
        attack(learned(data.retain_train, "shared" if not blind else "own", blind), data, Effort("quick"), 0)
        for blind in (False, True)
    )
    assert set(seeing.values) == set(blind.values) == set(ABOUT.titles)
    assert seeing.values["auroc after"] - blind.values["auroc after"] > ABOUT.margin
    key = "5-shot prototypes after fine-tuning"
    assert seeing.values[key] - blind.values[key] > ABOUT.margin_of(key) == 0.10
    assert seeing.figures["tuned"]
    assert len(seeing.figures["step"]) == len(seeing.figures["loss"]) == 30
    assert all(0 <= value <= 1 for value in [*seeing.values.values(), *blind.values.values()])


def test_same_seed_same_values_and_few_shots_give_no_prototypes() -> None:
    data = parts(each=4)
    surface = learned(data.retain_train, steps=20)
    found = attack(surface, data, Effort("quick"), 2)
    assert found == attack(surface, data, Effort("quick"), 2)
    assert "5-shot prototypes after fine-tuning" not in found.values
    empty = Parts(data.forget_train, data.forget_test, data.retain_train.select([]), data.retain_test)
    with pytest.raises(DataError, match="retain_train holds no input"):
        attack(surface, empty, Effort("quick"), 2)


def test_each_engine_s_own_readout_is_the_slope_of_its_score(
    model: PreForgettableClassifier, split: Split
) -> None:
    surface = surface_of(model)
    read, rows = surface.read(split.inputs), torch.arange(4)
    new = surface.start(2, torch.Generator().manual_seed(0))
    found = Tuned(surface, surface.live()).readout(read, rows, new)
    torch.testing.assert_close(found, surface.readout(read, rows, new), rtol=1e-4, atol=1e-4)
    own, others = split.only("red"), split.without("red")
    if model.engine_.name != "exact":
        live, losses = fine_tuned(surface, open_inputs(surface, None, others), 2, 0)
        assert len(losses) == 2
        assert all(torch.isfinite(tensor).all() for tensor in live.values())
    assert len(own) == 3
