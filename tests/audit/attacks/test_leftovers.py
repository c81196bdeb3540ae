"""What is kept in the files is found by its shape; what is gone isn't."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from preforget.audit.attacks import leftovers
from preforget.audit.attacks.attack import Effort
from preforget.audit.attacks.observe import Parts
from preforget.audit.attacks.row_recovery import Sight
from preforget.backbones import Encoder
from preforget.data import Split
from preforget.white_box.open_model import surface_of

from ..conftest import Make, coloured
from ..heads import fit, parts_of, patterned

EFFORT = Effort("quick", 60)
NOTHING = {"live": 0, "row": 0, "record": 0, "prompt": 0}


def parts() -> Parts[Split]:
    return parts_of(coloured(12), coloured(12, 100), "red")


def test_slices_by_hand() -> None:
    tensor = torch.arange(24.0).view(2, 3, 4)
    assert leftovers.slices(tensor, (4,)).shape == (6, 4)
    assert leftovers.slices(tensor, (3, 4)).tolist() == tensor.tolist()
    assert leftovers.slices(tensor, (2, 3, 4)).shape == (1, 2, 3, 4)
    assert len(leftovers.slices(tensor, (3,))) == len(leftovers.slices(torch.ones(4), (3, 4))) == 0


def test_the_best_candidate_by_hand() -> None:
    own = Sight(np.array([[1.0, 0.0], [0.9, 0.1]]), np.zeros(2))
    others = Sight(np.array([[0.0, 1.0], [0.1, 0.9]]), np.zeros(2))
    hidden = Sight(np.array([[1.0, 0.0], [0.0, 1.0]]), np.zeros(2))
    rows = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    candidates = [(row, -0.5, own, others, hidden) for row in rows]
    assert leftovers.best_as_it_is(iter(candidates)) == (0.5, 3)
    assert leftovers.best_as_it_is(iter(candidates[:1])) == (1.0, 1)
    assert leftovers.best_as_it_is(iter([])) == (0.0, 0)


def test_a_row_in_a_buffer_is_found_and_a_deleted_one_is_not(tiny_encoder: Encoder) -> None:
    train = patterned(40)
    data = parts_of(train, patterned(40, 1), "cat")
    whole = fit(tiny_encoder, train)
    own = whole.row[whole.labels.index("cat")]
    hidden = whole.without(
        "cat", cache=torch.stack([0.1 * torch.ones(own.shape), own, torch.zeros(own.shape)])
    )
    found = leftovers.attack(surface_of(hidden), data, EFFORT, 0)
    retrain = leftovers.attack(surface_of(fit(tiny_encoder, train.without("cat"))), data, EFFORT, 0)
    print(found, retrain)
    assert found.values["row"] > 0.3
    assert retrain.values == NOTHING
    assert found.figures["rows tried"] == 2
    again = leftovers.attack(surface_of(hidden), data, EFFORT, 0)
    assert again == found


@pytest.mark.parametrize("engine", ["isolated", "exact", "paper"])
def test_engines_leave_nothing_of_what_they_forgot(make: Make, engine: str) -> None:
    model = make(engine, coloured(8))
    before = leftovers.attack(surface_of(model), parts(), EFFORT, 0)
    model.forget("red")
    after = leftovers.attack(surface_of(model), parts(), EFFORT, 0)
    assert before.values["live"] > 0.5
    assert after.figures == before.figures
    assert after.values == NOTHING


def test_a_record_in_a_dead_slot_is_found(make: Make) -> None:
    train = patterned(24)
    model = make("isolated", train, epochs=10)
    data = parts_of(train, patterned(24, 1), "cat")
    record = {name: tensor.clone() for name, tensor in model.engine_.bank["cat"].tensors.items()}
    slot = model.engine_.bank.slot("cat")
    model.forget("cat")
    clean = leftovers.attack(surface_of(model), data, EFFORT, 0)
    for name, tensor in record.items():
        model.engine_.bank.packed[name][slot] = tensor
    left = leftovers.attack(surface_of(model), data, EFFORT, 0)
    assert clean.values["record"] == 0
    assert left.values["record"] > 0.5
