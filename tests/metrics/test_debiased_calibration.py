"""The debiased calibration error by hand, beside drawing the bins again, and on data of which the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.metrics.debiased_calibration import (
    calibration,
    classwise_calibration,
    debiased_error,
    equal_mass_bins,
    floor_of,
)


def test_bins_hold_about_as_many_inputs_and_equal_ones_together() -> None:
    bins = equal_mass_bins(
        np.array([0.1, 0.5, 0.5, 0.5, 0.9, 1.0]), np.array([0, 0, 1, 1, 1, 1], dtype=bool), 3
    )
    assert bins.count.tolist() == [1, 3, 2]
    assert bins.probability == pytest.approx([0.1, 0.5, 0.95])
    assert bins.right == pytest.approx([0, 2 / 3, 1])
    assert len(equal_mass_bins(np.full(7, 0.5), np.ones(7, dtype=bool)).count) == 1


def test_the_plain_error_by_hand() -> None:
    p, right = np.array([0.2, 0.4, 0.6, 0.8]), np.array([False, True, False, True])
    # two bins: mean probability 0.3 and 0.7, half of each is right
    assert debiased_error(equal_mass_bins(p, right, bins=2))[1] == pytest.approx(0.2)


def test_debiasing_is_that_of_bins_drawn_again() -> None:
    """The paper's library draws the shares from a normal distribution; ours takes the mean in closed form."""
    rng = np.random.default_rng(0)
    p = rng.uniform(0.3, 1, 300)
    bins = equal_mass_bins(p, rng.uniform(size=300) < p - 0.05)
    spread = np.sqrt(bins.right * (1 - bins.right) / bins.count)
    drawn = rng.normal(bins.right, spread, (200_000, len(spread)))
    mean = (np.abs(drawn - bins.probability) @ bins.weight).mean()
    error, plain = debiased_error(bins)
    assert error == pytest.approx(2 * plain - mean, abs=2e-3)


def test_perfect_probabilities_show_the_floor_and_an_error_near_zero() -> None:
    rng = np.random.default_rng(1)
    plain, debiased, floors = [], [], []
    for _ in range(100):
        p = rng.uniform(0.3, 1, 900)
        bins = equal_mass_bins(p, rng.uniform(size=900) < p)
        error, plugin = debiased_error(bins)
        plain.append(plugin)
        debiased.append(error)
        floors.append(floor_of(bins))
    assert np.mean(plain) == pytest.approx(np.mean(floors), abs=2e-3)
    assert np.mean(floors) > 0.04
    assert np.mean(debiased) < 0.6 * np.mean(plain)


def test_an_error_is_found_with_its_interval() -> None:
    rng = np.random.default_rng(2)
    p = rng.uniform(0.5, 1, 4000)
    found = calibration(p, rng.uniform(size=4000) < p - 0.2, generator=rng)
    assert found.error == pytest.approx(0.2, abs=0.02)
    assert found.interval[0] < 0.2 < found.interval[1]
    assert found.interval[1] - found.interval[0] < 0.06


def test_classwise_of_two_classes_is_the_mean_of_both_columns() -> None:
    rng = np.random.default_rng(3)
    p = rng.uniform(0, 1, 200)
    truth = (rng.uniform(size=200) > p).astype(np.int64)
    columns = np.stack([p, 1 - p], axis=1)
    found = classwise_calibration(columns, truth, generator=rng)
    one, two = (debiased_error(equal_mass_bins(columns[:, c], truth == c)) for c in (0, 1))
    assert found.error == pytest.approx((one[0] + two[0]) / 2)
    assert found.plain == pytest.approx((one[1] + two[1]) / 2)


def test_nothing_to_measure_is_refused() -> None:
    with pytest.raises(DataError, match="0 probabilities"):
        equal_mass_bins(np.zeros(0), np.zeros(0, dtype=bool))
    with pytest.raises(DataError, match="no class"):
        classwise_calibration(
            np.zeros((2, 0)), np.zeros(2, dtype=np.int64), generator=np.random.default_rng(0)
        )
