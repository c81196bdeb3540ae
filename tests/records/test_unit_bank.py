from __future__ import annotations

import pytest
import torch

from preforget.core.errors import UnknownLabelError, UsageError
from preforget.records import ClassRecord, UnitBank
from preforget.records.units import make_unit, unit_count

SIZE = 4


def unit(label: str, subject: str | None = None, count: int = 3) -> ClassRecord:
    seed = sum(map(ord, f"{label}{subject}"))
    numbers = torch.randint(1, 9, (count + 1, SIZE), generator=torch.Generator().manual_seed(seed))
    features = numbers.to(torch.int16)
    return make_unit(label, subject, [features[:count]], features[count:])


def pair(first: str, second: str) -> ClassRecord:
    return ClassRecord(first, {"pair_row": torch.ones(SIZE)}, partner=second)


@pytest.fixture
def bank() -> UnitBank:
    """Ada is in cat and dog, Bob in cat, and owl has no subjects."""
    bank = UnitBank(SIZE)
    units = [unit("dog", "Ada"), unit("owl"), unit("cat", "Bob"), unit("cat", "Ada"), unit("dog", "Cy")]
    for record in [*units, pair("cat", "dog"), pair("dog", "owl"), pair("cat", "owl")]:
        bank.insert(record)
    return bank


def test_order_is_sorted_and_tells_nothing(bank: UnitBank) -> None:
    assert bank.labels == ["cat", "dog", "owl"]
    assert bank.subjects == ["Ada", "Bob", "Cy"]
    assert [u.subject for u in bank.units("cat")] == ["Ada", "Bob"]
    names = [(r.label, r.subject, r.partner) for r in bank.records()]
    other = UnitBank(SIZE)
    for record in reversed(bank.records()):
        if record.partner is None:
            other.insert(record)
    for record in bank.pairs.values():
        other.insert(record)
    assert [(r.label, r.subject, r.partner) for r in other.records()] == names


def test_a_class_is_the_sum_of_its_units(bank: UnitBank) -> None:
    units = bank.units("cat")
    features = torch.cat([u.tensors["features"] for u in units]).long()
    assert torch.equal(bank.moments("cat").scatter, features.T @ features)
    count, total = bank.total("cat")
    assert count == 6
    assert torch.equal(total, features.sum(dim=0).double())
    assert len(bank.held_out("cat")) == 2


def test_a_class_goes_with_its_units_and_pairs(bank: UnitBank) -> None:
    gone = bank.erase("cat")
    assert sorted((r.label, r.subject, r.partner) for r in gone if r.partner is None) == [
        ("cat", "Ada", None),
        ("cat", "Bob", None),
    ]
    assert all(not t.any() for r in gone for t in r.tensors.values())
    assert bank.labels == ["dog", "owl"]
    assert list(bank.pairs) == [("dog", "owl")]
    with pytest.raises(UnknownLabelError, match="no class 'cat'"):
        bank.erase("cat")


def test_a_subject_goes_from_all_classes_with_the_pairs_that_saw_it(bank: UnitBank) -> None:
    gone = bank.erase_subject("Ada")
    assert [r.subject for r in gone if r.partner is None] == ["Ada", "Ada"]
    assert bank.pairs == {}
    assert bank.labels == ["cat", "dog", "owl"]
    with pytest.raises(UnknownLabelError, match="holds nothing of subject 'Ada'") as error:
        bank.erase_subject("Ada")
    assert "Bob" not in str(error.value)


def test_a_subject_leaves_pairs_alone_that_did_not_see_it(bank: UnitBank) -> None:
    bank.erase_subject("Bob")
    assert list(bank.pairs) == [("dog", "owl")]


def test_a_class_of_which_no_image_is_left_goes_too(bank: UnitBank) -> None:
    bank.insert(unit("dog", "Dan", count=0))
    bank.detach("dog")
    bank.erase_subject("Ada")
    bank.erase_subject("Cy")
    assert bank.labels == ["cat", "owl"]
    assert bank.attached == ["cat", "owl"]
    assert all(unit_count(u) for u in bank.units("cat"))


def test_what_does_not_fit_is_refused(bank: UnitBank) -> None:
    for record in (unit("cat", "Ada"), unit("owl"), pair("cat", "dog"), pair("owl", "cat"), pair("a", "a")):
        with pytest.raises(UsageError, match=record.id):
            bank.insert(record)
    with pytest.raises(UsageError, match="doesn't hold statistics of 4 features"):
        bank.insert(ClassRecord("cow", {}))


def test_detaching_keeps_all(bank: UnitBank) -> None:
    bank.detach("cat")
    assert bank.attached == ["dog", "owl"]
    assert bank.is_detached("cat")
    bank.attach("cat")
    assert bank.attached == bank.labels
    for call in (bank.detach, bank.attach, bank.is_detached, bank.ids, bank.units):
        with pytest.raises(UnknownLabelError, match="did you mean: cat"):
            call("car")
