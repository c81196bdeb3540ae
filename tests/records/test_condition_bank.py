from __future__ import annotations

import pytest
import torch

from preforget.core.errors import UnknownLabelError
from preforget.records.condition_bank import EVERYONE, ConditionBank
from preforget.records.units import make_unit

F = 3


def rows(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int16)[:, None].expand(-1, F).contiguous()


def bank() -> ConditionBank:
    found = ConditionBank(F)
    none = torch.empty(0, F, dtype=torch.int16)
    for label, subject, values in (
        (EVERYONE, "x", (1, 2)),
        (EVERYONE, "y", (3,)),
        ("a", "x", (1,)),
        ("a", "y", (3,)),
        ("b", "x", (1, 2)),
    ):
        found.insert(make_unit(label, subject, [rows(*values)], none))
    return found


def test_everyone_is_no_condition() -> None:
    found = bank()
    assert found.labels == ["a", "b"]
    assert EVERYONE not in found
    assert found.all_moments().count == 3
    assert found.moments("a").total.tolist() == [4] * F
    assert len(found.records()) == 5
    with pytest.raises(UnknownLabelError):
        found.affected_records(EVERYONE)


def test_a_condition_goes_and_its_images_stay() -> None:
    found = bank()
    assert {(unit.label, unit.subject) for unit in found.affected_records("a")} == {("a", "x"), ("a", "y")}
    found.erase("a")
    assert found.labels == ["b"]
    assert found.all_moments().count == 3


def test_a_subject_goes_out_of_every_sum_and_takes_what_is_empty() -> None:
    found = bank()
    gone = found.erase_subject("x")
    assert {(unit.label, unit.subject) for unit in gone} == {(EVERYONE, "x"), ("a", "x"), ("b", "x")}
    assert found.labels == ["a"]  # no image with b is left
    assert found.all_moments().total.tolist() == [3] * F
    with pytest.raises(UnknownLabelError, match="nothing of subject 'x'"):
        found.affected_records(subject="x")
