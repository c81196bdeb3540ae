"""The closed form beside a slow reference in 60 digits, and in the cases where numbers go wrong."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import torch
from sklearn.covariance import OAS
from torch import Tensor

from preforget.engines.discriminant import (
    FLOOR,
    Gaussian,
    between_removed,
    mean_and_scatter,
    pair,
    pooled,
    shrinkage,
    shrunk,
)
from preforget.records.moments import Moments, summed

STRENGTH = 3.0


def rows(count: int, size: int = 6, seed: int = 0, centre: int = 0, spread: int = 3000) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    drawn = centre + spread * torch.randn(count, size, generator=generator)
    return drawn.round().clamp(-32767, 32767).to(torch.int16)


def slow_covariance(groups: list[Tensor]) -> tuple[list[mpmath.matrix], mpmath.matrix]:
    """Means and shrunk covariance of features, in 60 digits, from the features themselves."""
    size = groups[0].shape[1]
    means, scatter, count = [], mpmath.zeros(size, size), 0
    for group in groups:
        values = [[mpmath.mpf(int(x)) for x in row] for row in group]
        mean = [mpmath.fsum(row[i] for row in values) / len(values) for i in range(size)]
        means.append(mpmath.matrix(mean))
        count += len(values)
        for i in range(size):
            for j in range(size):
                scatter[i, j] += mpmath.fsum((row[i] - mean[i]) * (row[j] - mean[j]) for row in values)
    sigma = scatter / count
    trace = mpmath.fsum(sigma[i, i] for i in range(size))
    square = mpmath.fsum(sigma[i, j] ** 2 for i in range(size) for j in range(size))
    below = (count + 1 - mpmath.mpf(2) / size) * (square - trace**2 / size)
    rho = min(1, ((1 - mpmath.mpf(2) / size) * square + trace**2) / below) if below > 0 else mpmath.mpf(1)
    weight = STRENGTH * rho / (1 - rho + STRENGTH * rho)
    return means, (1 - weight) * sigma + (weight * trace / size + FLOOR) * mpmath.eye(size)


def slow_pair(first: Tensor, second: Tensor) -> tuple[list[float], float]:
    with mpmath.workdps(60):
        (mean, other), sigma = slow_covariance([first, second])
        row = mpmath.lu_solve(sigma, mean - other)
        bias = -mpmath.fsum(row[i] * (mean[i] + other[i]) for i in range(len(row))) / 2
        return [float(x) for x in row], float(bias)


CASES = {
    "plenty": (rows(200), rows(150, seed=1, centre=500)),
    "fewer images than features": (rows(3), rows(2, seed=1)),
    "one image each": (rows(1), rows(1, seed=1)),
    "one image against many": (rows(1), rows(90, seed=1)),
    "constant features": (rows(30, spread=0, centre=7), rows(30, spread=0, centre=9)),
    "one feature constant": (
        torch.cat([rows(30, 5), rows(30, 1, spread=0)], 1),
        torch.cat([rows(40, 5, seed=1), rows(40, 1, spread=0)], 1),
    ),
    "far from zero, close together": (rows(50, centre=30000, spread=3), rows(50, 6, 1, 30001, 3)),
    "duplicates": (rows(2).repeat(50, 1), rows(3, seed=1).repeat(40, 1)),
    "the same images in both": (rows(20), rows(20)),
    "at the limits": (rows(40, spread=10**6), rows(40, spread=10**6, seed=1)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_pair_beside_a_reference_in_60_digits(name: str) -> None:
    first, second = CASES[name]
    row, bias = pair(Moments.of(first), Moments.of(second), STRENGTH)
    slow_row, slow_bias = slow_pair(first, second)
    size = max(map(abs, slow_row)) or 1.0
    np.testing.assert_allclose(row.numpy(), slow_row, rtol=1e-7, atol=1e-9 * size)
    assert float(bias) == pytest.approx(slow_bias, rel=1e-7, abs=1e-7)


def test_by_hand() -> None:
    # two features that never vary together, so Sigma is diagonal: variances 400^2 / 2 and 800^2 / 2
    first = torch.tensor([[400, 0], [-400, 0], [0, 800], [0, -800]], dtype=torch.int16)
    second = first + torch.tensor([1000, 0], dtype=torch.int16)
    row, bias = pair(Moments.of(first), Moments.of(second), 1e-9)
    variance = 400**2 / 2 + FLOOR
    assert row[0] == pytest.approx(-1000 / variance, rel=1e-6)
    assert row[1] == pytest.approx(0, abs=1e-12)
    assert float(bias) == pytest.approx(500 * 1000 / variance, rel=1e-6)


def test_swapping_the_classes_changes_the_sign_to_rounding() -> None:
    first, second = (Moments.of(x) for x in CASES["plenty"])
    row, bias = pair(first, second, STRENGTH)
    other, other_bias = pair(second, first, STRENGTH)
    torch.testing.assert_close(row, -other, rtol=1e-9, atol=0)
    assert float(bias) == pytest.approx(-float(other_bias))


def test_moments_from_parts_give_the_same_bits() -> None:
    first, second = CASES["plenty"]
    whole = pair(Moments.of(first), Moments.of(second), STRENGTH)
    order = torch.randperm(len(first), generator=torch.Generator().manual_seed(1))
    parts = summed([Moments.of(part) for part in first[order].split(7)], 6)
    again = pair(parts, Moments.of(second), STRENGTH)
    assert torch.equal(whole[0], again[0])
    assert torch.equal(whole[1], again[1])


def test_shrinkage_is_that_of_scikit_learn() -> None:
    x = rows(40, 12).double()
    covariance = ((x - x.mean(0)).T @ (x - x.mean(0))) / len(x)
    reference = OAS().fit(x.numpy()).shrinkage_
    # scikit-learn follows the paper's equation 23 with 2/p dropped in places, which its notes say
    assert shrinkage(covariance, len(x)) == pytest.approx(reference, rel=0.1)
    assert shrinkage(torch.eye(3, dtype=torch.float64), 10) == 1
    assert shrinkage(torch.zeros(3, 3, dtype=torch.float64), 10) == 1


def test_a_million_images() -> None:
    unequal = torch.tensor([1, 2, 3, 4, 5, 6], dtype=torch.int16)  # else all is shrunk to the identity
    first, second = rows(1000, spread=900) * unequal, rows(1000, seed=1, centre=99, spread=900) * unequal
    few = [Moments.of(first), Moments.of(second)]
    many = [Moments(10**6, m.total * 1000, m.scatter * 1000) for m in few]
    one, other = pair(*few, 1e-9), pair(*many, 1e-9)
    np.testing.assert_allclose(one[0].numpy(), other[0].numpy(), rtol=1e-6)
    strong = pair(*few, STRENGTH)[0].numpy()
    np.testing.assert_allclose(strong, slow_pair(first, second)[0], rtol=1e-7)


def test_the_scatter_within_is_that_around_the_mean() -> None:
    x = rows(50, centre=2000).double()
    mean, scatter = mean_and_scatter(Moments.of(rows(50, centre=2000)))
    torch.testing.assert_close(mean, x.mean(0))
    torch.testing.assert_close(scatter, (x - x.mean(0)).T @ (x - x.mean(0)), rtol=1e-9, atol=1e-3)


def test_pooled_rows_beside_the_reference() -> None:
    groups = [rows(20 + n, seed=n, centre=300 * n) for n in range(4)]
    parts = [Moments.of(group) for group in groups]
    totals = [(part.count, part.total.double()) for part in parts]
    found, biases = pooled(summed(parts, 6), totals, STRENGTH)
    with mpmath.workdps(60):
        means, sigma = slow_covariance(groups)
        for place, mean in enumerate(means):
            row = mpmath.lu_solve(sigma, mean)
            np.testing.assert_allclose(found[place].numpy(), [float(x) for x in row], rtol=1e-7)
            bias = -mpmath.fsum(row[i] * mean[i] for i in range(6)) / 2
            assert float(biases[place]) == pytest.approx(float(bias), rel=1e-7)


def test_the_pooled_scatter_is_the_sum_of_those_within() -> None:
    parts = [Moments.of(rows(20, seed=n, centre=500 * n)) for n in range(3)]
    expected = sum(mean_and_scatter(part)[1] for part in parts)
    found = between_removed(summed(parts, 6), [(part.count, part.total.double()) for part in parts])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-2)


def test_energy_is_the_log_density() -> None:
    x = rows(60)
    gaussian = Gaussian.of(Moments.of(x), STRENGTH)
    mean, scatter = mean_and_scatter(Moments.of(x))
    covariance = shrunk(scatter, 60, STRENGTH)
    reference = torch.distributions.MultivariateNormal(mean, covariance).log_prob(x.double())
    constant = 6 * math.log(2 * math.pi) / 2
    torch.testing.assert_close(gaussian.energy(x.double()), (reference + constant) / 6)
    moved = gaussian.energy(x.double(), mean + 5)
    torch.testing.assert_close(moved, gaussian.energy(x.double() - 5))
