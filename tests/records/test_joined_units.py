from __future__ import annotations

import pytest
import torch

from preforget.core.errors import UsageError
from preforget.records import UnitBank
from preforget.records.joined_units import joined, put_together
from preforget.records.layout import Layout
from preforget.records.moments import MOST
from preforget.records.units import fewest_for_moments, make_unit, unit_moments

LAYOUT = Layout(4, near=2, views=2)
LIMIT = fewest_for_moments(4, 2)


def rows(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-99, 100, (count, 6), generator=generator).to(torch.int16)


def test_two_and_three_by_hand() -> None:
    plain = Layout(1)
    first = make_unit(
        "a", "Kim", [torch.tensor([[2]], dtype=torch.int16)], torch.tensor([[7]]).to(torch.int16), plain
    )
    second = make_unit(
        "b", None, [torch.tensor([[3]], dtype=torch.int16)], torch.tensor([[8]]).to(torch.int16), plain
    )
    both = joined(first, second, 9)
    assert (both.label, both.subject) == ("a", "Kim")
    assert both.id not in (first.id, second.id)
    assert both.tensors["held_out"].tolist() == [[7], [8]]
    moments = unit_moments(both)
    assert (moments.count, moments.total.tolist(), moments.scatter.tolist()) == (2, [5.0], [[13.0]])


@pytest.mark.parametrize("first", [0, 2, LIMIT - LIMIT % 2, 4 * LIMIT])
@pytest.mark.parametrize("second", [2, LIMIT + LIMIT % 2, 6 * LIMIT])
def test_it_equals_the_unit_of_all_inputs(first: int, second: int) -> None:
    parts, held = (rows(first, 1), rows(second, 2)), (rows(4, 3), rows(6, 4))
    units = [make_unit("a", None, [part], out, LAYOUT) for part, out in zip(parts, held, strict=True)]
    kept = torch.cat(held)[:8]
    assert joined(*units, 4).digest() == make_unit("a", None, parts, kept, LAYOUT).digest()


def test_units_that_do_not_fit() -> None:
    wide = make_unit("a", None, [rows(2, 1)], rows(2, 2), LAYOUT)
    narrow = make_unit("a", None, [rows(2, 1)], rows(2, 2), Layout(6))
    with pytest.raises(UsageError, match="different features"):
        joined(wide, narrow, 9)
    many = make_unit("a", None, [rows(4 * LIMIT, 1)], rows(2, 2), LAYOUT)
    many.tensors["count"].fill_(MOST)
    with pytest.raises(UsageError, match=f"more than {MOST:,} inputs"):
        joined(wide, many, 9)


def test_a_bank_takes_new_units_and_joins_known_ones() -> None:
    bank = UnitBank(LAYOUT)
    first, second, third = (
        make_unit("a", who, [rows(2, n)], rows(2, n + 9), LAYOUT) for n, who in enumerate("KKL")
    )
    bank.insert(first)
    put_together(bank, [second, third], 9)
    assert [unit.subject for unit in bank.units("a")] == ["K", "L"]
    assert bank.units("a")[0].digest() == joined(first, second, 9).digest()
    assert bool(first.tensors["features"].any()), "what was known stays the caller's"
