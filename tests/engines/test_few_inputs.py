"""Fewer inputs than features: the same numbers as from moments, whatever the order of the inputs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from preforget.engines import discriminant, few_inputs
from preforget.engines.discriminant import Gaussian
from preforget.records.moments import Moments, summed
from preforget.records.units import sorted_rows

SIZE, STRENGTH = 40, 3.0


def rows(count: int, seed: int, spread: int = 3000) -> Tensor:
    numbers = spread * torch.randn(count, SIZE, generator=torch.Generator().manual_seed(seed)) + 100 * seed
    return sorted_rows(numbers.round().to(torch.int16))


PARTS = [rows(6, 1), rows(1, 2), rows(9, 3)]
WHOLE = summed(map(Moments.of, PARTS), SIZE)
SUMS = [(len(part), Moments.of(part).total.double()) for part in PARTS]


def close(got: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor]) -> None:
    torch.testing.assert_close(got[0], expected[0], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(got[1], expected[1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("first", "second"), [(0, 2), (0, 1)])
def test_a_pair_equals_that_of_moments(first: int, second: int) -> None:
    a, b = PARTS[first], PARTS[second]
    expected = discriminant.pair(Moments.of(a), Moments.of(b), STRENGTH)
    close(few_inputs.pair(a, b, STRENGTH), expected)


def test_two_single_inputs_are_told_apart_by_their_difference() -> None:
    a, b = rows(1, 4), rows(1, 5)
    row, bias = few_inputs.pair(a, b, STRENGTH)
    close((row, bias), discriminant.pair(Moments.of(a), Moments.of(b), STRENGTH))
    assert float(a.double() @ row + bias) > 0 > float(b.double() @ row + bias)


def test_regression_and_shared_covariance_equal_those_of_moments() -> None:
    close(few_inputs.ridge(PARTS, 1e-4), discriminant.ridge(WHOLE, SUMS, 1e-4))
    close(few_inputs.pooled(PARTS, STRENGTH), discriminant.pooled(WHOLE, SUMS, STRENGTH))


def test_inputs_that_never_vary_have_a_regression() -> None:
    same = [torch.ones(2, SIZE, dtype=torch.int16)] * 2
    row, bias = few_inputs.ridge(same, 1e-4)
    assert not row.any()
    assert bias.tolist() == [0.5, 0.5]


def test_energies_equal_those_of_moments() -> None:
    x = rows(5, 8).double()
    for part in PARTS:
        typical = Gaussian.typical_of(Moments.of(part), 50.0)
        torch.testing.assert_close(few_inputs.gaussian(part, floor=50.0).energy(x), typical.energy(x))
    shared = discriminant.shrunk(discriminant.between_removed(WHOLE, SUMS), WHOLE.count, 1.0)
    within = Gaussian(SUMS[0][1] / SUMS[0][0], discriminant.FullCovariance(shared))
    torch.testing.assert_close(few_inputs.spread_within(PARTS, 1.0).energy(x), within.energy(x))


def test_rows_are_sorted_by_their_bytes_whatever_order_they_came_in() -> None:
    mixed = PARTS[2][torch.randperm(9, generator=torch.Generator().manual_seed(0))]
    assert torch.equal(sorted_rows(mixed), PARTS[2])
    assert not torch.equal(mixed, PARTS[2])
