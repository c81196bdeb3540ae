from __future__ import annotations

import json
import math
import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from preforget.audit.attacks import lira
from preforget.audit.attacks.attack import Finding
from preforget.audit.attacks.lira import forgotten_signal, likelihood_ratios, logit_confidence
from preforget.audit.attacks.observe import Array, Mask, Seen
from preforget.audit.attacks.shadows import pooled, scores_of
from preforget.data.dataset import label_array

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "lira.py"


def halves(rng: np.random.Generator, shadows: int, count: int) -> Mask:
    return np.stack([rng.permutation(count) < count // 2 for _ in range(shadows)])


def leave_one_out(signals: Array, member: Mask) -> Array:
    return scores_of(lira.lira, signals, member)["likelihood ratio"]


def attack(signals: Array, member: Mask) -> Finding:
    return pooled(scores_of(lira.lira, signals, member), member)


def seen(p: Array) -> Seen:
    gone = label_array(["gone"] * len(p))
    return Seen(("a", "b"), gone, p, p, p.max(axis=1), gone)


def test_by_hand() -> None:
    signals = np.array([[1.0, 1.0], [3.0, 3.0], [-1.0, -1.0], [-3.0, -3.0]])
    member = np.array([[True, True]] * 2 + [[False, False]] * 2)
    # Means 2 and -2, both variances 2: -(x - 2)^2 / 4 + (x + 2)^2 / 4 = 2 x.
    found = likelihood_ratios(np.array([2.0, -0.5]), signals, signals, member)
    np.testing.assert_allclose(found, [4, -1])
    np.testing.assert_allclose(lira.normals(signals, member), [[2, 2], [2, 2]])


def test_one_variance_for_all_examples_where_shadows_are_few() -> None:
    signals = np.array(
        [[0.0, 0.0], [2.0, 4.0]] * 2
    )  # squares around the means: 4 in one example, 16 in the other
    mean, variance = lira.normals(signals, np.ones((4, 2), dtype=bool))
    np.testing.assert_allclose(mean, [1, 2])
    np.testing.assert_allclose(variance, [20 / 6, 20 / 6])
    _, own = lira.normals(np.tile(signals, (5, 1)), np.ones((20, 2), dtype=bool))
    np.testing.assert_allclose(own, [20 / 19, 80 / 19])


def test_equal_signals_do_not_make_an_example_certain() -> None:
    signals = np.tile([[5.0, 0.0], [5.0, 2.0]], (10, 1))
    _, variance = lira.normals(signals, np.ones((20, 2), dtype=bool))
    pooled = 20 / 38
    np.testing.assert_allclose(variance, [pooled / 100, 20 / 19])


def test_signals_by_hand() -> None:
    np.testing.assert_allclose(logit_confidence(np.array([0.5, 0.9, 0.1])), [0, math.log(9), -math.log(9)])
    assert logit_confidence(np.array([0.0, 1.0])) == pytest.approx([math.log(1e-12), -math.log(1e-12)])
    assert logit_confidence(np.array(1.0), np.array(1e-10)) == pytest.approx(10 * math.log(10))
    abstaining = np.array([[0.05, 0.05], [0.4, 0.4], [0.5, 0.5]])
    floor = math.log(1e-6)
    np.testing.assert_allclose(forgotten_signal(seen(abstaining)), [math.log(9), -math.log(4), floor])
    never = np.array([[0.8, 0.2], [0.1, 0.9]])
    np.testing.assert_allclose(forgotten_signal(seen(never)), [-math.log(4), -math.log(9)])


@pytest.mark.parametrize("shadows", [8, 24])
def test_against_scipy(shadows: int) -> None:
    rng = np.random.default_rng(0)
    signals = rng.normal(0, 1 + rng.random(30), (shadows, 30))
    member = halves(rng, shadows, 30)
    found = leave_one_out(signals, member)
    for target in range(shadows):
        others = [s for s in range(shadows) if s != target]
        sides = []
        for side in (True, False):
            own = [[signals[s, j] for s in others if member[s, j] == side] for j in range(30)]
            squares = sum(np.var(x) * len(x) for x in own if x)
            pooled = squares / sum(len(x) - 1 for x in own if x)
            sides.append((own, pooled))
        for j in range(30):
            logs = []
            for own, pooled in sides:
                variance = pooled if shadows <= 17 else max(np.var(own[j], ddof=1), 0.01 * pooled)
                logs.append(
                    norm.logpdf(signals[target, j], np.mean(own[j]) if own[j] else np.nan, variance**0.5)
                )
            expected = logs[0] - logs[1]
            assert found[target, j] == pytest.approx(0 if np.isnan(expected) else expected, abs=1e-9)


def test_the_global_threshold_learns_the_side_of_the_members() -> None:
    rng = np.random.default_rng(1)
    member = halves(rng, 6, 40)
    signals = rng.normal(0, 1, (6, 40)) - 2 * member
    np.testing.assert_array_equal(lira.global_threshold(signals[0], signals[1:], member[1:]), -signals[0])
    np.testing.assert_array_equal(lira.global_threshold(signals[0], signals[1:], ~member[1:]), signals[0])


@given(st.integers(0, 2**32), st.sampled_from([6, 20]))
def test_each_example_has_its_own_scale(seed: int, shadows: int) -> None:
    rng = np.random.default_rng(seed)
    signals, member = rng.normal(0, 1, (shadows, 12)), halves(rng, shadows, 12)
    found = leave_one_out(signals, member)
    shifted = leave_one_out(3 * signals + rng.normal(0, 5, 12), member)
    np.testing.assert_allclose(shifted, found, atol=1e-8)
    np.testing.assert_allclose(leave_one_out(signals, ~member), -found, atol=1e-9)
    order = rng.permutation(12)
    np.testing.assert_allclose(leave_one_out(signals[:, order], member[:, order]), found[:, order], atol=1e-9)


def test_pairs_of_shadows_and_gaps() -> None:
    gap = np.nan
    inside = np.array([[2.0, gap], [4.0, 1.0], [gap, 3.0], [gap, gap]])
    outside = np.array([[gap, 0.0], [gap, gap], [1.0, gap], [-1.0, gap]])
    member = ~np.isnan(inside)
    found = likelihood_ratios(np.array([1.0, 5.0]), inside, outside, member)
    assert found[0] == pytest.approx(norm.logpdf(1, 3, 2**0.5) - norm.logpdf(1, 0, 2**0.5))
    nowhere = likelihood_ratios(np.array([1.0, 5.0]), inside, np.full((4, 2), gap), member)
    np.testing.assert_array_equal(nowhere, 0)


@pytest.mark.parametrize("shadows", [6, 12, 24])
def test_no_leak_gives_one_half(shadows: int) -> None:
    areas, plain = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        signals = rng.normal(0, 2, 100) + rng.normal(0, 1, (shadows, 100)) + rng.normal(0, 0.5, (shadows, 1))
        values = attack(signals, halves(rng, shadows, 100)).values
        areas.append(values["auc"])
        plain.append(values["global threshold auc"])
    assert np.mean(areas) == pytest.approx(0.5, abs=0.03)
    assert np.mean(plain) == pytest.approx(0.5, abs=0.03)


def test_a_leak_that_one_threshold_misses() -> None:
    """Examples differ far more from one another than membership moves each, half of them up and half of them down."""
    rng = np.random.default_rng(3)
    member = halves(rng, 16, 200)
    moved = np.where(np.arange(200) % 2 == 0, 2.0, -2.0)
    found = attack(rng.normal(0, 10, 200) + rng.normal(0, 1, (16, 200)) + moved * member, member)
    assert found.values["auc"] > 0.85
    assert found.values["tpr at 1 % fpr"] > 0.2
    assert found.values["distance"] == found.values["auc"] - 0.5
    assert found.values["global threshold auc"] == pytest.approx(0.5, abs=0.05)
    assert set(found.values) == set(lira.ABOUT.titles)
    assert json.loads(json.dumps(found.figures)) == found.figures
    assert all(len(own["fpr"]) == len(own["tpr"]) <= 200 for own in found.figures.values())


def test_order_of_effect_on_an_overfitted_net() -> None:
    """Carlini et al., arXiv 2112.03570: on nets really trained, the ratio is clearly ahead of one threshold."""
    recipe = runpy.run_path(str(BENCHMARK))
    inputs, targets = recipe["pool"](200, 0.0, 0)
    member = recipe["halves"](16, 200, 0)
    signals, train, test = recipe["shadows"](inputs, targets, member, 128, 80, 0)
    assert train == 1
    assert test < 0.97
    values = attack(signals, member).values
    assert values["auc"] > 0.65
    assert values["auc"] > values["global threshold auc"] + 0.05
    other = recipe["halves"](16, 200, 1)
    assert attack(signals, other).values["auc"] == pytest.approx(0.5, abs=0.05)
