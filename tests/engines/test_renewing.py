from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from preforget.core.errors import DataError
from preforget.engines.derive import missing_pairs
from preforget.engines.renewing import check_same_inputs, prompted_pairs
from preforget.records import UnitBank
from preforget.records.layout import Layout
from preforget.records.units import make_unit

NAMES = ("ant", "bee", "cat")


def bank(layout: Layout, seeds: tuple[int, ...] = (0, 1, 2), counts: tuple[int, ...] = (4, 4, 4)) -> UnitBank:
    made = UnitBank(layout)
    for name, seed, count in zip(NAMES, seeds, counts, strict=True):
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randint(-99, 99, (count * layout.views + 2, 5), generator=generator).to(torch.int16)
        size = count * layout.views
        rows = rows[:, : layout.width]
        made.insert(make_unit(name, None, [rows[:size]], rows[size:], layout))
    return made


def test_prompts_stay_where_both_classes_have_the_same_sums() -> None:
    old, new = bank(Layout(3)), bank(Layout(3, 2), seeds=(0, 1, 7))
    for record in missing_pairs(old, old.labels, 3.0, by_rows=False):
        prompt = {"prompt.tokens": torch.zeros(1)} if record.label == "ant" else {}
        old.insert(replace(record, tensors={**record.tensors, **prompt}))
    for record in missing_pairs(new, new.labels, 3.0):
        new.insert(record)
    check_same_inputs(old, new)
    (kept,) = prompted_pairs(old, new)
    assert (kept.label, kept.partner) == ("ant", "bee")
    assert kept.id not in {record.id for record in (*old.records(), *new.records())}
    assert set(kept.tensors) == {"pair_row", "pair_bias", "prompt.tokens"}
    assert kept.tensors["pair_row"] is new.pairs["ant", "bee"].tensors["pair_row"]


def test_other_data_are_refused() -> None:
    with pytest.raises(DataError, match="2 of 3 classes or persons have another number"):
        check_same_inputs(bank(Layout(3)), bank(Layout(3, 2), counts=(4, 3, 5)))
