"""Sums of classes that are kept up as units come and go: bit for bit those of the units that are there."""

from __future__ import annotations

import pytest
import torch

from preforget.records import ClassRecord, UnitBank
from preforget.records.class_sums import MANY, ClassSums
from preforget.records.layout import Layout
from preforget.records.moments import Moments, summed
from preforget.records.units import make_unit, unit_count, unit_moments, unit_near_moments, unit_total

SIZE = 3


def unit(subject: str, label: str = "cat", rows: int = 2, near: int = 0) -> ClassRecord:
    features = torch.randint(-999, 999, (rows, SIZE + near), dtype=torch.int16)
    return make_unit(label, subject, [features], features[:1], Layout(SIZE, near))


def same(first: Moments, second: Moments) -> bool:
    return (
        first.count == second.count
        and torch.equal(first.total, second.total)
        and torch.equal(first.scatter, second.scatter)
    )


@pytest.mark.parametrize("near", [0, 2])
def test_they_are_those_of_the_units_whatever_comes_and_goes(near: int) -> None:
    torch.manual_seed(0)
    bank = UnitBank(Layout(SIZE, near))
    for number in range(MANY + 3):
        bank.insert(unit(f"{number:03}", rows=2 + 20 * (number % 2), near=near))
    bank.insert(unit("000", "dog", near=near))

    def check() -> None:
        for label in bank.labels:
            units = bank.units(label)
            assert units == sorted(bank._units[label].values(), key=lambda unit: str(unit.subject))
            assert same(bank.moments(label), summed(map(unit_moments, units), SIZE))
            assert same(bank.near_moments(label), summed(map(unit_near_moments, units), near or SIZE))
            assert bank.count(label) == sum(map(unit_count, units))
            assert torch.equal(bank.total(label)[1], torch.stack([*map(unit_total, units)]).sum(dim=0))
        assert bank.subjects == sorted({str(r.subject) for r in bank.records()})

    check()
    bank.erase_subject("000")
    check()
    bank.insert(unit("new", near=near))
    check()
    bank.put(unit("new", rows=30, near=near))
    check()
    bank.erase_records(bank.units("cat")[:5])
    check()
    bank.take_out("cat")
    assert bank.records() == []


def test_what_is_returned_is_the_callers_own() -> None:
    bank = UnitBank(SIZE)
    for number in range(MANY):
        bank.insert(unit(f"{number:03}"))
    before = bank.moments("cat")
    bank.moments("cat").scatter.zero_()
    assert same(bank.moments("cat"), before)


def test_dropped_sums_are_overwritten() -> None:
    units = [unit(f"{number:03}") for number in range(MANY)]
    sums = ClassSums(unit_moments, SIZE, slice(0, SIZE))
    sums.of("cat", units)
    kept = sums._kept["cat"]
    sums.drop(["cat", "dog"])
    assert not kept.total.any()
    assert not kept.scatter.any()
