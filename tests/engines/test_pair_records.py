"""What a record of a pair holds, on two features by hand; learning and scoring pairs: test_exact."""

from __future__ import annotations

import pytest
import torch

from preforget.core.errors import UsageError
from preforget.engines.derive import PAIR_BIAS, PAIR_ROW
from preforget.engines.pair_prompts import PREFIX
from preforget.engines.pair_records import check_pair, confusion, has_prompt, prompt_of, prompts_among
from preforget.records import ClassRecord, UnitBank
from preforget.records.units import make_unit

ROW, BIAS = torch.tensor([1.0, 0.0]).double(), torch.tensor(-1.0).double()
PLAIN = ClassRecord("a", {PAIR_ROW: ROW, PAIR_BIAS: BIAS}, partner="b")
PROMPTED = ClassRecord("a", {**PLAIN.tensors, f"{PREFIX}row": torch.ones(3)}, partner="b")


def test_a_prompt_is_what_has_the_prefix() -> None:
    assert (has_prompt(PLAIN), has_prompt(PROMPTED)) == (False, True)
    assert list(prompt_of(PROMPTED)) == ["row"]


def test_confusion_by_hand() -> None:
    """The first class lies where the first feature is above 1."""
    first, second = torch.tensor([[2, 0], [3, 0], [0, 9]]), torch.tensor([[0, 5], [1, 0]])
    assert confusion(PLAIN, first, second) == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert confusion(PLAIN, first[:2], second[:1]) == 0
    assert confusion(PLAIN, first[:2], second[:0]) == 0.5


def test_what_fits_and_what_does_not() -> None:
    bank, none = UnitBank(2), torch.empty(0, 2, dtype=torch.int16)
    for label in "ab":
        bank.insert(make_unit(label, None, [torch.ones(1, 2, dtype=torch.int16)], none))
    assert prompts_among(bank, "ab") == []
    bank.insert(PROMPTED)
    assert [number for number, _ in prompts_among(bank, "?ab")] == [2]
    check_pair(PLAIN, bank, {"row": (3,)})
    check_pair(PROMPTED, bank, {"row": (3,)})
    narrow = ClassRecord("a", {PAIR_ROW: ROW.float(), PAIR_BIAS: BIAS}, partner="b")
    for wrong in (PROMPTED, narrow):
        with pytest.raises(UsageError, match="no pair of this engine"):
            check_pair(wrong, bank, {})
    with pytest.raises(UsageError, match="classes are not in the model"):
        check_pair(ClassRecord("a", dict(PLAIN.tensors), partner="z"), bank, {})
