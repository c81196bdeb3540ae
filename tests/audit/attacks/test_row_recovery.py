"""Rows from prototypes: by hand, beside scikit-learn's nearest centroid, and found only where the class shows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestCentroid

from preforget.audit.attacks.attack import Effort
from preforget.audit.attacks.few_shot import inputs_to_test
from preforget.audit.attacks.observe import Parts
from preforget.audit.attacks.row_recovery import (
    ABOUT,
    KINDS,
    TEMPERATURES,
    Sight,
    attack,
    better,
    rebuilt,
    recovered,
    sight,
    temperature,
)
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import DataError
from preforget.data import Split
from preforget.data.dataset import label_array
from preforget.white_box.open_model import surface_of

from ..toy_surface import learned, parts


def test_temperature_by_hand() -> None:
    own, others = np.array([2.0, 1.0]), np.array([-1.0, 0.5])
    # scores t 2, t 1 must beat 3: from t = 3 on both do; t 0.5 must not beat 2.2: up to t = 4.4
    best, accuracy = temperature(own, np.array([3.0, 3.0]), others, np.array([2.2, 2.2]), 0.0)
    assert best == pytest.approx(4.0)  # the only one of the grid between
    assert best in TEMPERATURES
    assert accuracy == 1.0
    # nothing helps a class that its own inputs score low: all or nothing, half right
    assert temperature(-own, np.zeros(2), -others, np.zeros(2), 0.0)[1] <= 0.5


def test_rows_by_hand() -> None:
    own = Sight(np.array([[3.0, 0.0], [3.0, 2.0]]), np.zeros(2))
    others = Sight(np.array([[0.0, 1.0], [0.0, 1.0], [-2.0, 1.0]]), np.zeros(3))
    classes = label_array([*"bbc"])
    # centroids: (3, 1); (0, 1) and (-2, 1), whose mean is (-1, 1); difference (4, 0); middle (1, 1)
    row, bias = rebuilt("difference", own, others, classes, 2.0, 0.0)
    t = row[0] / 2
    np.testing.assert_allclose(row, [2 * t, 0], atol=1e-12)
    assert bias == pytest.approx(-2 * t)
    row, bias = rebuilt("centroid", own, others, classes, 1.0, -5.0)
    t = np.linalg.norm(row)
    np.testing.assert_allclose(row / t, np.array([3.0, 1.0]) / 10**0.5)
    assert bias == pytest.approx(-t * 4 / 10**0.5)
    assert own.taken(row, bias) == 1.0
    assert others.taken(row, bias) == 0.0
    # no threshold in the middle can work against live scores of -5 and of 0; the mean live bias can
    own, others = Sight(own.readout, np.full(2, -0.1)), Sight(others.readout, np.full(3, -0.1))
    assert rebuilt("centroid", own, others, classes, 1.0, -0.3)[1] != -0.3  # a tie goes to the middle
    assert better({"centroid": (0.9, 0.5), "difference": (0.8, 0.1)}) == 0.8


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_difference_is_a_nearest_centroid_rule_in_any_order_and_place(seed: int) -> None:
    rng = np.random.default_rng(seed)
    own, others = rng.normal(1, 1, (6, 5)), rng.normal(0, 1, (12, 5))
    classes, x = label_array([*"bcde"] * 3), rng.normal(0.5, 1, (40, 5))
    c = own.mean(axis=0)
    m = np.mean([others[classes == name].mean(axis=0) for name in "bcde"], axis=0)
    expected = NearestCentroid().fit(np.stack([m - 1, m + 1, c - 1, c + 1]), [0, 0, 1, 1]).predict(x)
    order = rng.permutation(12)
    for shift in (0.0, 3.0):  # against live scores of zero the temperature changes no decision
        row, bias = rebuilt(
            "difference",
            Sight(own[::-1] + shift, np.zeros(6)),
            Sight(others[order] + shift, np.zeros(12)),
            classes[order],
            1.5,
            0.0,
        )
        assert (((x + shift) @ row + bias > 0) == (expected == 1)).all()


def test_what_is_rebuilt_scores_as_the_surface_says() -> None:
    data = parts()
    surface = learned(data.retain_train)
    new = surface.start(1, torch.Generator().manual_seed(0))
    forget, retain = (sight(surface, part, new) for part in inputs_to_test(data, 0))
    row, bias = rebuilt("difference", forget, retain, inputs_to_test(data, 0)[1].labels, 1.0, 0.0)
    new |= {"row": torch.tensor(row).float(), "bias": torch.tensor(bias).float()}
    inputs = inputs_to_test(data, 0)[0].inputs
    logits = surface.logits(surface.read(inputs), torch.arange(len(inputs)), new)
    assert forget.taken(row, bias) == pytest.approx(float((logits.argmax(dim=1) == 3).double().mean()))


def test_it_finds_a_class_that_shows_and_not_one_that_does_not() -> None:
    data = parts()
    seeing, blind = (
        attack(learned(data.retain_train, blind=blind), data, Effort("standard"), 0)
        for blind in (False, True)
    )
    assert seeing.values["5 shots"] > 0.95
    assert seeing.values["5 shots"] - blind.values["5 shots"] > ABOUT.margin_of("5 shots")
    assert seeing.figures["shots"] == [1, 5, 10, 50]
    for at, k in enumerate(("1 shot", "5 shots", "10 shots", "50 shots")):
        gains = [seeing.figures[kind][at] - seeing.figures[f"{kind}, stolen"][at] for kind in KINDS]
        best = KINDS[int(np.argmax(gains))]
        assert seeing.values[k] == pytest.approx(seeing.figures[best][at], abs=1e-4)
    # a blind model can take the class only with the one that looks the same
    stolen = max(blind.figures[f"{kind}, stolen"][-1] for kind in KINDS)
    assert stolen > 0.2
    assert set(seeing.values) == set(ABOUT.titles)


def test_same_seed_same_values_and_too_few_shots_give_none() -> None:
    data = parts(each=8)
    surface = learned(data.retain_train, "closed", steps=50)
    found = attack(surface, data, Effort("quick"), 2)
    assert found == attack(surface, data, Effort("quick"), 2)
    assert set(found.values) == {"1 shot", "5 shots"}
    empty = Parts(data.forget_train.select([]), data.forget_test, data.retain_train, data.retain_test)
    with pytest.raises(DataError, match="forget_train holds no input"):
        attack(surface, empty, Effort("quick"), 2)


def test_each_engine_can_be_attacked(model: PreForgettableClassifier, split: Split) -> None:
    own, others = split.only("red"), split.without("red")
    found = recovered(surface_of(model), Parts(own, own, others, others), (1, 3), 2, 0)
    assert set(found) == {1, 3}
    # red is still there: its own column says so too, so nothing is expected but shares
    assert all(
        0 <= share <= 1 for by_kind in found.values() for shares in by_kind.values() for share in shares
    )
