"""Records that are well-formed files but no records of their engine: refused before they cost memory or crash."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from preforget.engines.derive import missing_pairs
from preforget.records import ClassRecord, UnitBank
from preforget.records.bank import PromptBank
from preforget.store.tensors import record_from_bytes, record_to_bytes

from .conftest import Case, Range
from .draw import drawn, least

TYPES = (torch.int16, torch.int64, torch.float32, torch.float64, torch.bool, torch.uint8, torch.bfloat16)
SHAPES = (
    (),
    (0,),
    (1,),
    (3,),
    (0, 0),
    (3, 2),
    (3, 0),
    (0, 2),
    (3, 3),
    (1, 2, 2),
    (0, 2**20),
    (0, 2**40),
    (0, 2**62),
)
SLOTS = (-1, 0, 1, 7, 8, 31, 32, 10**5, 10**9, 2**31, 2**40, 2**62, 2**63, 10**30)


def good(label: str, wide: bool = False) -> dict[str, Tensor]:
    rows = torch.arange(6, dtype=torch.int16).reshape(3, 2) * (2 if label == "b" else 1)
    if wide:
        total, scatter = torch.tensor([3, 4]), torch.tensor([5, 6, 9])
        return {"count": torch.tensor(3), "total": total, "scatter": scatter, "held_out": rows}
    return {"features": rows, "held_out": rows}


def odd(random_: random.Random) -> Tensor:
    shape, kind = random_.choice(SHAPES), random_.choice(TYPES)
    if 0 in shape:
        return torch.empty(shape, dtype=kind)
    return torch.full(shape, random_.choice((-(2**15), -1, 0, 1, 2**15 - 1, 2**62)), dtype=torch.int64).to(
        kind
    )


def test_units_and_pairs(firing_range: Range) -> None:
    random_ = random.Random(41)

    def hostile() -> Iterator[tuple[str, list[ClassRecord], Any]]:
        for number in range(1200):
            parts = {label: good(label, random_.random() < 0.4) for label in "ab"}
            for label in random_.choice(("a", "b", "ab")):
                for _ in range(random_.choice((1, 1, 2))):
                    parts[label][random_.choice((*parts[label], "features", "x"))] = odd(random_)
            records = [ClassRecord(label, tensors) for label, tensors in parts.items()]
            if random_.random() < 0.2:
                records.append(ClassRecord(random_.choice("ab"), {}, partner=random_.choice("abz")))
            yield str(number), records, 0.1
        for shape in SHAPES:
            same = torch.zeros(shape, dtype=torch.int16)
            yield f"all {shape}", [ClassRecord(i, {"features": same, "held_out": same}) for i in "ab"], 0.1
        for strength in (float("nan"), float("inf"), -1.0, 0, 0.0, 1e308, 10**400, True):
            yield f"strength {str(strength)[:9]}", [ClassRecord(i, good(i)) for i in "ab"], strength

    def use(records: list[ClassRecord], strength: Any) -> None:
        bank = UnitBank.of(records)
        missing_pairs(bank, bank.labels, strength)
        bank.affected_records(label="a")

    def cases() -> Iterator[Case]:
        for name, records, strength in drawn(hostile()):
            yield "units", name, lambda: use(records, strength)  # noqa: B023 (called before the next)

    use([ClassRecord(label, good(label)) for label in "ab"], 0.1)
    firing_range.attack(cases()).check(least(1200))


def test_slots(firing_range: Range) -> None:
    def use(slot: int) -> None:
        bank = PromptBank({"row": (64,)})
        for place in (0, slot):
            content = record_to_bytes(ClassRecord(f"class {place}", {"row": torch.ones(64)}, place))
            bank.insert(record_from_bytes("0" * 32, content))

    def cases() -> Iterator[Case]:
        for slot in SLOTS:
            yield "slot", str(slot), lambda: use(slot)  # noqa: B023

    firing_range.attack(cases()).check(14)
