from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.core.errors import DataError
from preforget.records.moments import LARGEST, MOST, ROWS, Moments, square, summed, triangle


def whole(rows: int, size: int = 5, seed: int = 0, largest: int = LARGEST) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-largest, largest + 1, (rows, size), generator=generator).to(torch.int16)


def same(one: Moments, other: Moments) -> bool:
    return (
        one.count == other.count
        and torch.equal(one.total, other.total)
        and torch.equal(one.scatter, other.scatter)
    )


def test_by_hand() -> None:
    m = Moments.of(torch.tensor([[1, 2], [3, -4]], dtype=torch.int16))
    assert m.count == 2
    assert m.total.tolist() == [4, -2]
    assert m.scatter.tolist() == [[10, -10], [-10, 20]]


def test_they_are_those_of_whole_numbers_without_any_rounding() -> None:
    features = whole(9000)
    m = Moments.of(features)
    exact = [[int(x) for x in row] for row in features.tolist()]
    for i in range(5):
        assert int(m.total[i]) == sum(row[i] for row in exact)
        for j in range(5):
            assert int(m.scatter[i, j]) == sum(row[i] * row[j] for row in exact)


def test_the_largest_sums_are_below_what_their_numbers_hold() -> None:
    assert ROWS * LARGEST**2 < 2**53
    assert MOST * LARGEST**2 < 2**63
    assert torch.iinfo(torch.int16).max == LARGEST


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 1000))
def test_any_order_and_any_grouping_give_the_same_bits(rows: int, cut: int, seed: int) -> None:
    features = whole(rows, seed=seed)
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    parts = [Moments.of(part) for part in (features[order][:cut], features[order][cut:])]
    assert same(Moments.of(features), parts[1] + parts[0])
    assert same(Moments.of(features), summed(parts, 5))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1000))
def test_what_is_subtracted_leaves_no_bit(kept: int, gone: int, seed: int) -> None:
    stays, goes = whole(kept, seed=seed), whole(gone, seed=seed + 1)
    both = Moments.of(torch.cat([goes, stays]))
    assert same(both - Moments.of(goes), Moments.of(stays))


def test_floats_would_not_have_this_property() -> None:
    numbers = torch.rand(1000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert float(numbers.sum() - numbers[:500].sum()) != float(numbers[500:].sum())


def test_a_million_images_streamed_are_exact() -> None:
    chunk = whole(10_000, size=3)
    part = Moments.of(chunk)
    total = Moments.zero(3)
    for _ in range(100):
        total = total + part
    assert total.count == 10**6
    assert [int(x) for x in total.total] == [100 * int(x) for x in part.total]
    assert [int(x) for x in total.scatter.flatten()] == [100 * int(x) for x in part.scatter.flatten()]


def test_too_many_images_are_refused() -> None:
    half = Moments(MOST // 2 + 1, torch.zeros(1, dtype=torch.int64), torch.zeros(1, 1, dtype=torch.int64))
    with pytest.raises(DataError, match="sums would overflow"):
        half + half


def test_sums_beyond_what_float64_holds_are_exact() -> None:
    one = Moments.of(torch.tensor([[3]], dtype=torch.int16))
    large = Moments(MOST - 1, torch.tensor([2**53]), torch.tensor([[2**62]]))
    both = large + one
    assert (int(both.total), int(both.scatter)) == (2**53 + 3, 2**62 + 9)
    assert same(both - large, one)


def test_a_triangle_holds_it_all() -> None:
    scatter = Moments.of(whole(50, size=7)).scatter
    upper = triangle(scatter)
    assert upper.dtype == torch.int64
    assert len(upper) == 28
    assert torch.equal(square(upper, 7), scatter)
