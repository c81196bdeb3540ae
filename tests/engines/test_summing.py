from __future__ import annotations

import numpy as np
import torch

from preforget.backbones.vectors import vector_encoder
from preforget.data import as_split
from preforget.engines.base import Session
from preforget.engines.features import fixed_point
from preforget.engines.reading import Reading
from preforget.engines.summing import HELD_OUT_ROWS, sum_up
from preforget.records.units import unit_inputs


def test_units_by_class_and_person_with_the_first_that_are_held_out() -> None:
    X = np.random.default_rng(0).normal(size=(300, 3))
    train = as_split(X[:4], ["b", "a", "b", "a"], ["K", "K", "L", "K"], kind="vectors")
    held_out = as_split(X, ["a"] * 300, ["K"] * 300, kind="vectors")
    units = sum_up(Reading(vector_encoder(3), 1), train, held_out, Session())
    counted = [(unit.label, unit.subject, unit_inputs(unit)) for unit in units]
    assert counted == [("a", "K", 2), ("b", "K", 1), ("b", "L", 1)]
    assert torch.equal(units[0].tensors["held_out"], fixed_point(torch.from_numpy(X[:HELD_OUT_ROWS])))
    assert not len(units[1].tensors["held_out"])
