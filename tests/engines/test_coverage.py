"""Limits of confidence: one for all, or one for each answer where that leaves a class out."""

from __future__ import annotations

import numpy as np
import pytest

from preforget.engines.coverage import coverage, limits, one_limit


def test_one_limit_by_hand() -> None:
    assert one_limit(np.arange(39.0), 0.95) == 1
    assert one_limit(np.arange(19.0), 0.95) == 0
    assert one_limit(np.arange(9.0), 0.95) == pytest.approx(4 - 4 * np.log(10) / np.log(5))
    assert one_limit([3.0], 0.95) == 3
    assert one_limit([], 0.95) == -np.inf


@pytest.mark.parametrize("count", [5, 12, 40, 300])
def test_a_share_of_new_inputs_is_answered_on_average(count: int) -> None:
    rng = np.random.default_rng(0)
    shares = [(rng.normal(size=400) >= one_limit(rng.normal(size=count), 0.95)).mean() for _ in range(300)]
    assert np.mean(shares) == pytest.approx(0.95, abs=0.015)


def test_one_limit_for_all_where_no_class_speaks_against_it() -> None:
    rng = np.random.default_rng(0)
    confidence, truth = rng.normal(size=600), np.arange(600) % 3
    found = limits(confidence, truth, truth, 3, 0.95)
    assert found.tolist() == [one_limit(confidence, 0.95)] * 3


def test_a_rare_class_below_all_others_is_answered_too() -> None:
    rng = np.random.default_rng(0)
    common, rare = rng.normal(10, 1, 300), rng.normal(0, 1, 6)
    confidence = np.concatenate([common, rare])
    truth = np.repeat([0, 1], [300, 6])
    found = limits(confidence, truth, truth, 2, 0.95)
    assert found[1] < rare.min()
    first, second = coverage(["a", "b"], confidence, truth, truth, found)
    assert first.share == pytest.approx(0.95, abs=0.01)
    assert (second.answered, second.held_out, second.holds(0.95)) == (6, 6, True)
    shared = coverage(["a", "b"], confidence, truth, truth, np.full(2, one_limit(confidence, 0.95)))
    assert not shared[1].holds(0.95)


def test_a_rare_class_on_whose_inputs_the_limit_of_all_lies_is_answered() -> None:
    """Two of three answered refute nothing; that all three lie among the lowest four of 63 is 4 of 39,711 by chance."""
    confidence = np.concatenate([[4.5], np.linspace(20, 30, 59), [4.0, 5.0, 6.0]])
    truth = np.repeat([0, 1, 2], [30, 30, 3])
    shared = one_limit(confidence, 0.95)
    assert shared == 5
    found = limits(confidence, truth, truth, 3, 0.95)
    assert found[:2].tolist() == [shared, shared]
    assert found[2] == one_limit(confidence[60:], 0.95) < 4
    assert coverage(["a", "b", "rare"], confidence, truth, truth, found)[2].answered == 3


def test_classes_of_few_inputs_like_others_take_the_limit_of_all() -> None:
    """Otherwise far more than the set share would be answered where every class has few held-out inputs."""
    rng = np.random.default_rng(1)
    truth = np.repeat(np.arange(40), 8)
    kept, answered = [], []
    for _ in range(30):
        held_out, new = rng.normal(size=320), rng.normal(size=320)
        found = limits(held_out, truth, truth, 40, 0.95)
        kept.append((found == one_limit(held_out, 0.95)).mean())
        answered.append((new >= found[truth]).mean())
    assert np.median(kept) == 1
    assert np.mean(answered) == pytest.approx(0.95, abs=0.01)


def test_a_class_that_nobody_is_answered_with_takes_the_limit_of_all() -> None:
    confidence, truth = np.arange(40.0), np.repeat([0, 1], 20)
    best = np.zeros(40, dtype=np.int64)
    assert limits(confidence, best, truth, 2, 0.5)[1] == one_limit(confidence, 0.5)


def test_new_inputs_are_answered_as_often_as_was_asked() -> None:
    """In each of two classes whose confidence differs, on average over many held-out sets."""
    rng = np.random.default_rng(0)
    shares = []
    truth = np.repeat([0, 1], 100)
    for _ in range(200):
        held_out, new = (rng.normal(np.repeat([0, 6], 100), 1) for _ in range(2))
        found = limits(held_out, truth, truth, 2, 0.9)
        shares.append([(new[truth == c] >= found[c]).mean() for c in (0, 1)])
    assert np.mean(shares, axis=0) == pytest.approx([0.9, 0.9], abs=0.02)


def test_a_class_without_held_out_inputs_says_nothing() -> None:
    (one,) = coverage(["a"], np.zeros(0), np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(1))
    assert (one.held_out, one.share, one.interval, one.holds(0.95)) == (0, None, (0, 1), True)
    assert "'a'" not in repr(one)
