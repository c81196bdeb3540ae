from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from torch import Tensor

from preforget.core.errors import UnknownLabelError, UsageError
from preforget.records import ClassRecord, PromptBank, slot_block

SHAPES = {"prompt": (2, 3), "bias": ()}
LABELS = [f"class {number:02}" for number in range(19)]


def tensors(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.rand(shape, generator=generator) + 0.5 for name, shape in SHAPES.items()}


def filled(count: int) -> PromptBank:
    bank = PromptBank(SHAPES)
    for number in range(count):
        bank.insert(ClassRecord(LABELS[number], tensors(number)))
    return bank


class BankMachine(RuleBasedStateMachine):
    """Any order of insert, erase, detach and attach, beside a plain dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.bank = PromptBank(SHAPES)
        self.wanted: dict[str, tuple[int, dict[str, Tensor], bool]] = {}
        self.drawn = 0

    @rule(label=st.sampled_from(LABELS), slot=st.none() | st.integers(0, 40))
    def insert(self, label: str, slot: int | None) -> None:
        self.drawn += 1
        record = ClassRecord(label, tensors(self.drawn), slot)
        taken = {held for held, _, _ in self.wanted.values()}
        if label in self.wanted or slot in taken:
            with pytest.raises(UsageError):
                self.bank.insert(record)
            return
        live = self.bank.insert(record)
        lowest = min(set(range(len(taken) + 1)) - taken)
        assert live.slot == (lowest if slot is None else slot)
        assert live.id == record.id
        self.wanted[label] = (live.slot, record.tensors, False)  # type: ignore[arg-type]

    @rule(label=st.sampled_from(LABELS))
    def erase(self, label: str) -> None:
        if label not in self.wanted:
            with pytest.raises(UnknownLabelError):
                self.bank.erase(label)
            return
        slot, _, _ = self.wanted.pop(label)
        remains = self.bank.erase(label)
        assert (remains.label, remains.slot, remains.tensors) == ("", slot, {})

    @rule(label=st.sampled_from(LABELS), away=st.booleans())
    def detach_or_attach(self, label: str, away: bool) -> None:
        change = self.bank.detach if away else self.bank.attach
        if label not in self.wanted:
            with pytest.raises(UnknownLabelError):
                change(label)
            return
        change(label)
        self.wanted[label] = (*self.wanted[label][:2], away)

    @invariant()
    def labels_follow(self) -> None:
        assert self.bank.labels == sorted(self.wanted)
        assert len(self.bank) == len(self.wanted)
        assert self.bank.attached == sorted(k for k, (_, _, away) in self.wanted.items() if not away)
        assert [k for k in self.wanted if self.bank.is_detached(k)] == [
            k for k, (_, _, away) in self.wanted.items() if away
        ]

    @invariant()
    def slots_last_and_values_stay(self) -> None:
        for label, (slot, values, _) in self.wanted.items():
            record = self.bank[label]
            assert record.slot == slot
            for name, tensor in record.tensors.items():
                assert torch.equal(tensor, values[name])

    @invariant()
    def dead_slots_hold_zeros(self) -> None:
        dead = sorted(set(range(self.bank.capacity)) - {slot for slot, _, _ in self.wanted.values()})
        assert all(not tensor[dead].any() for tensor in self.bank.packed.values())

    @invariant()
    def blocks_are_whole(self) -> None:
        assert self.bank.capacity in (0, 8, 16, 32, 48, 64)
        blocks = {slot_block(slot) for slot, _, _ in self.wanted.values()}
        assert self.bank.live_blocks() == sorted(blocks, key=min)

    @precondition(lambda self: self.wanted)
    @rule(data=st.data())
    def views_alias_the_packed_memory(self, data: st.DataObject) -> None:
        label = data.draw(st.sampled_from(sorted(self.wanted)))
        record = self.bank[label]
        for name, tensor in record.tensors.items():
            assert tensor.data_ptr() == self.bank.packed[name][record.slot].data_ptr()


TestBankMachine = BankMachine.TestCase
TestBankMachine.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)


def test_growth_zeroes_the_old_memory() -> None:
    bank = filled(8)
    old = dict(bank.packed)
    views = {label: bank[label].tensors for label in bank.labels}
    bank.insert(ClassRecord("one more", tensors(99)))
    assert bank.capacity == 16
    assert all(not tensor.any() for tensor in old.values())
    assert all(not tensor.any() for view in views.values() for tensor in view.values())
    assert torch.equal(bank["class 00"].tensors["prompt"], tensors(0)["prompt"])


def test_insert_copies() -> None:
    bank, given = PromptBank(SHAPES), tensors(0)
    bank.insert(ClassRecord("a", given))
    bank.erase("a")
    assert given["prompt"].all()


def test_what_erasing_returns_holds_neither_label_nor_memory() -> None:
    bank = filled(3)
    record = bank["class 01"]
    remains = bank.erase("class 01")
    assert remains == ClassRecord("", {}, 1, record.id)
    assert all(not tensor.any() for tensor in record.tensors.values())


def test_order_of_labels_says_nothing_about_order_of_insertion() -> None:
    bank = PromptBank(SHAPES)
    for label in ("b", "c", "a"):
        bank.insert(ClassRecord(label, tensors(0)))
    assert bank.labels == ["a", "b", "c"]
    assert bank.slots(bank.labels) == [2, 0, 1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt": torch.zeros(2, 3)},
        {"prompt": torch.zeros(3, 2), "bias": torch.zeros(())},
        {"prompt": torch.zeros(2, 3), "bias": torch.zeros(1)},
        {"prompt": torch.zeros(2, 3), "bias": torch.zeros(()), "more": torch.zeros(())},
    ],
)
def test_a_record_that_does_not_fit_changes_nothing(wrong: dict[str, Tensor]) -> None:
    bank = filled(2)
    with pytest.raises(UsageError, match="does not fit the bank"):
        bank.insert(ClassRecord("new", wrong))
    assert bank.labels == LABELS[:2]
    assert not bank.packed["prompt"][2:].any()


@pytest.mark.parametrize("slot", [-1, 1])
def test_a_slot_that_is_taken_or_negative(slot: int) -> None:
    with pytest.raises(UsageError, match=f"slot {slot} "):
        filled(2).insert(ClassRecord("new", tensors(0), slot))


def test_an_unknown_label_names_its_neighbours() -> None:
    bank = filled(2)
    with pytest.raises(UnknownLabelError, match=r"no class 'class 0'.*did you mean: class 0"):
        bank["class 0"]
    with pytest.raises(UnknownLabelError, match=r"it knows: class 00, class 01$"):
        bank["zebra"]
    with pytest.raises(UnknownLabelError, match="it knows no class"):
        PromptBank(SHAPES).erase("a")
    with pytest.raises(UnknownLabelError, match="labels are strings, got 3 of type int"):
        bank.slot(3)  # type: ignore[arg-type]


def test_an_unknown_label_in_a_large_bank_names_ten() -> None:
    with pytest.raises(UnknownLabelError, match=r"class 09 …$"):
        filled(12)["zebra"]


def test_live_blocks_of_some_labels() -> None:
    bank = filled(10)
    assert bank.live_blocks() == [range(8), range(8, 16)]
    assert bank.live_blocks(["class 09"]) == [range(8, 16)]
    assert bank.live_blocks([]) == []


@given(st.integers(0, 10_000))
def test_every_slot_has_one_block_and_blocks_follow_each_other(slot: int) -> None:
    block = slot_block(slot)
    assert slot in block
    assert all(slot_block(other) == block for other in block)
    assert slot_block(block.stop).start == block.stop
