"""Heads on features: by hand, beside scikit-learn and scipy, and an effect that is planted is found."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.neighbors import NearestCentroid

from preforget.audit.attacks.attack import Effort
from preforget.audit.attacks.observe import Parts
from preforget.audit.attacks.probes import (
    ABOUT,
    PER_CLASS,
    attack,
    chosen_blocks,
    features_of,
    linear_probe,
    nearest_mean,
    sampled,
)
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import DataError
from preforget.data import Split
from preforget.data.dataset import Images, label_array
from preforget.white_box.open_model import surface_of
from preforget.white_box.surface import Features

BLOCKS = 6


class Mapped:
    """A model on vectors: block `b` is a fixed random map of the inputs after `blind(inputs)`."""

    def __init__(self, blind: int = 0) -> None:
        self.blind = blind

    def features(self, inputs: Images) -> Features:
        x = (np.asarray(inputs, dtype=np.float32)[:, self.blind :] - 128) / 128
        maps = np.random.default_rng(0).normal(size=(BLOCKS, x.shape[1], 8)).astype(np.float32)
        return [np.tanh(x @ m) for m in maps]


def vectors(each: int, seed: int, names: str = "abc") -> Split:
    """What tells `a` from `b` is in the first two numbers alone."""
    rng = np.random.default_rng(seed)
    labels = [name for _ in range(each) for name in names]
    middle = {"a": [200, 200, 30, 128], "b": [128, 128, 30, 128], "c": [128, 128, 128, 220]}
    x = np.array([middle[name] for name in labels]) + rng.normal(0, 12, (len(labels), 4))
    return Split(np.clip(x, 0, 255).astype(np.uint8), label_array(labels))


def parts(each: int = 30, forgotten: str = "a") -> Parts[Split]:
    train, test = vectors(each, 0), vectors(each, 1)
    return Parts(
        train.only(forgotten), test.only(forgotten), train.without(forgotten), test.without(forgotten)
    )


def test_by_hand() -> None:
    train = np.array([[0.0, 0.0], [2.0, 0.0], [10.0, 0.0], [12.0, 0.0]])
    labels = label_array(["a", "a", "b", "b"])
    test = np.array([[1.0, 5.0], [5.9, 0.0], [6.1, 0.0], [6.0, 1.0]])
    # means lie at 1 and 11, so the middle is 6, where the first name wins; the probe's border is there too
    assert nearest_mean(train, labels, test).tolist() == ["a", "a", "b", "a"]
    assert linear_probe(train, labels, test[:3]).tolist() == ["a", "a", "b"]


def test_the_probe_is_the_minimum_of_its_formula() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.normal(3, 2, (60, 3)), rng.normal(3, 2, (200, 3))
    labels = label_array([*"abc"] * 20)
    x = (train - train.mean(0)) / train.std(0)
    y = np.array(["abc".index(label) for label in labels])

    def cost(flat: np.ndarray) -> float:
        w, b = flat[:9].reshape(3, 3), flat[9:]
        z = x @ w.T + b
        return float((np.logaddexp.reduce(z, axis=1) - z[np.arange(60), y]).sum() + 0.5 * (w**2).sum())

    best = minimize(cost, np.zeros(12)).x
    z = ((test - train.mean(0)) / train.std(0)) @ best[:9].reshape(3, 3).T + best[9:]
    ranked = np.sort(z, axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > 1e-2
    assert clear.sum() > 180
    found = linear_probe(train, labels, test)
    assert (found == np.array([*"abc"])[z.argmax(axis=1)])[clear].all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_nearest_mean_is_that_of_scikit_learn_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    train, test = rng.normal(size=(20, 4)), rng.normal(size=(15, 4))
    labels = label_array([*"abcd"] * 5)
    found = nearest_mean(train, labels, test)
    assert (found == NearestCentroid().fit(train, labels.astype(str)).predict(test)).all()
    order = rng.permutation(20)
    assert (nearest_mean(train[order], labels[order], test) == found).all()
    assert (nearest_mean(train + 7, labels, test + 7) == found).all()


def test_scale_does_not_matter_to_the_probe() -> None:
    rng = np.random.default_rng(1)
    train, test, labels = rng.normal(size=(40, 3)), rng.normal(size=(50, 3)), label_array([*"ab"] * 20)
    scale = np.array([1e-3, 1.0, 1e4])
    assert (
        linear_probe(train, labels, test) == linear_probe(train * scale + 5, labels, test * scale + 5)
    ).all()


def test_a_feature_that_is_constant_does_no_harm() -> None:
    train = np.array([[0.0, 7.0], [1.0, 7.0], [5.0, 7.0], [6.0, 7.0]])
    assert linear_probe(train, label_array([*"aabb"]), train).tolist() == [*"aabb"]


def test_it_finds_a_class_that_shows_and_not_one_that_does_not() -> None:
    seeing = attack(Mapped(), parts(), Effort("standard"), 0)
    blind = attack(Mapped(blind=2), parts(), Effort("standard"), 0)
    for head in ("linear_last", "linear_best", "nearest_mean_last"):
        assert seeing.values[head] > 0.9
        assert blind.values[head] < 0.75  # one of two classes that look the same
    assert set(seeing.values) == set(blind.values) == set(ABOUT.titles) - {"untouched_last"}


def test_values_and_curves_fit_together() -> None:
    data, effort = parts(), Effort("standard", rows=20)
    chosen = sampled(data, effort, 3)
    surface = Mapped()
    found = attack(surface, data, effort, 3, untouched=features_of(surface, chosen))
    assert found.figures["block"] == [1, 2, 3, 4, 5, 6]
    assert found.values["linear_best"] == pytest.approx(max(found.figures["linear"]), abs=1e-4)
    assert found.values["linear_last"] == found.values["untouched_last"]
    assert found.figures["linear"] == found.figures["untouched_linear"]
    mixed = (found.values["linear_last"] + found.values["retained_last"]) / 2  # as many of each
    assert found.values["head_refit"] == pytest.approx(mixed)
    again = attack(surface, data, effort, 3)
    assert again.values == {k: v for k, v in found.values.items() if k != "untouched_last"}
    assert all(0 <= value <= 1 for value in found.values.values())


def test_what_is_drawn() -> None:
    data = parts(each=PER_CLASS + 20)
    chosen = sampled(data, Effort("quick", rows=50), 0)
    assert Counter(chosen.retain_train.labels) == {"b": PER_CLASS, "c": PER_CLASS}
    assert (len(chosen.forget_train), len(chosen.forget_test), len(chosen.retain_test)) == (100, 50, 50)
    other = sampled(data, Effort("quick", rows=50), 1)
    assert not np.array_equal(chosen.forget_test.inputs, other.forget_test.inputs)


@pytest.mark.parametrize(("depth", "places"), [(1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (12, [3, 7, 11])])
def test_three_blocks_in_the_quick_suite(depth: int, places: list[int]) -> None:
    assert chosen_blocks(depth, Effort("quick")) == places
    assert chosen_blocks(depth, Effort("full")) == list(range(depth))


def test_a_frozen_image_path_shows_what_the_backbone_shows(
    model: PreForgettableClassifier, split: Split
) -> None:
    data = Parts(split.only("red"), split.only("red"), split.without("red"), split.without("red"))
    encoder = model.engine_.encoder
    chosen = sampled(data, Effort("standard"), 0)
    bare = {
        name: list(
            encoder.states(encoder.read(p.inputs, range(len(p))), slice(1, 4))[:, :, 0]
            .transpose(0, 1)
            .numpy()
        )
        for name, p in chosen.items()
    }
    found = attack(surface_of(model), data, Effort("standard"), 0, untouched=Parts(**bare))
    if model.engine_.name != "paper":
        assert found.figures["linear"] == found.figures["untouched_linear"]


def test_what_cannot_be_probed_is_refused() -> None:
    data = parts()
    nothing = data.forget_test.select([])
    with pytest.raises(DataError, match="forget_test holds no input"):
        attack(
            Mapped(),
            Parts(data.forget_train, nothing, data.retain_train, data.retain_test),
            Effort(),
            0,
        )
    with pytest.raises(DataError, match="at least two classes"):
        linear_probe(np.zeros((3, 2)), label_array(["a"] * 3), np.zeros((1, 2)))
    wrong = features_of(Mapped(), parts(each=5))
    with pytest.raises(DataError, match="see sampled"):
        attack(Mapped(), data, Effort(), 0, untouched=wrong)
