from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preforget.core.errors import UnknownLabelError, UsageError
from preforget.data import Split
from preforget.data.dataset import label_array
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.prompted import QUANTILES

from .conftest import MakeEngine, learnable, pictures

FEW = ["ant", "bee", "cat"]


def calibrated(make: MakeEngine, **values: tuple[float, float, int]) -> IsolatedEngine:
    """An engine whose classes have confidences evenly spread between two numbers, and a count."""
    engine = make(values)
    for label, (low, high, count) in values.items():
        tensors = engine.bank[label].tensors
        tensors["calibration"].copy_(torch.linspace(low, high, QUANTILES))
        tensors["count"].fill_(count)
    return engine


# the threshold


def test_the_threshold_by_hand(make_engine: MakeEngine) -> None:
    engine = calibrated(make_engine, ant=(0, 1, 10), bee=(2, 3, 30))
    assert engine.threshold(0.875) == pytest.approx(0.5)
    assert engine.threshold(0.751) == pytest.approx(1.0)
    assert engine.threshold(0.749) == pytest.approx(2.0)
    assert engine.threshold(0.375) == pytest.approx(2.5)
    assert engine.threshold(0.875, ["bee"]) == pytest.approx(2.12)
    engine.bank.detach("ant")
    assert engine.threshold(0.875) == pytest.approx(2.12)


def test_the_threshold_ends_are_the_lowest_and_the_highest(make_engine: MakeEngine) -> None:
    engine = calibrated(make_engine, ant=(0, 1, 10), bee=(2, 3, 30))
    assert engine.threshold(1 - 1e-12) == 0
    assert engine.threshold(1e-12) == 3


def test_the_threshold_knows_nothing_of_the_forgotten(make_engine: MakeEngine) -> None:
    with_it = calibrated(make_engine, ant=(0, 1, 10), bee=(2, 3, 30), cat=(-9, 9, 1000))
    with_it.forget("cat")
    without = calibrated(make_engine, ant=(0, 1, 10), bee=(2, 3, 30))
    for keep in (0.5, 0.9, 0.95):
        assert with_it.threshold(keep) == without.threshold(keep)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    counts=st.lists(st.integers(1, QUANTILES // 2), min_size=1, max_size=5),
    keep=st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]),
    seed=st.integers(0, 100),
)
def test_the_share_kept_of_the_validation_images_is_as_stated(
    make_engine: MakeEngine, counts: list[int], keep: float, seed: int
) -> None:
    labels = [f"class {number}" for number in range(len(counts))]
    names = label_array([label for label, count in zip(labels, counts, strict=True) for _ in range(count)])
    validation = Split(pictures(len(names), seed=seed), names)
    engine = make_engine(labels)
    engine.calibrate(labels, validation)
    parts = [engine.own_confidence(label, validation.only(label).inputs) for label in labels]
    share = (np.concatenate(parts) >= engine.threshold(keep)).mean()
    # one image is the threshold itself, and a class's share of ranks may be half an image off
    assert abs(share - keep) <= (1 + len(labels) / 2) / len(names)


def test_calibration_holds_the_class_s_own_confidences(make_engine: MakeEngine) -> None:
    engine = make_engine(FEW)
    validation = learnable(FEW, 3)
    engine.calibrate(["bee"], validation)
    tensors = engine.bank["bee"].tensors
    own = np.sort(engine.scores(validation.only("bee").inputs, ["bee"])[:, 0])
    found, repeats = np.unique(tensors["calibration"].numpy(), return_counts=True)
    assert found == pytest.approx(own, rel=1e-6)
    assert repeats.max() - repeats.min() <= 1
    assert tensors["count"] == 3


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gone=st.sets(st.sampled_from(FEW), max_size=len(FEW) - 1), seed=st.integers(0, 100))
def test_whoever_is_forgotten_the_stated_share_of_the_others_stays_answered(
    make_engine: MakeEngine, gone: set[str], seed: int
) -> None:
    engine = make_engine(FEW)
    validation = learnable(FEW, 20, seed=seed)
    engine.calibrate(FEW, validation)
    kept = {label: engine.bank[label].tensors["calibration"].clone() for label in FEW}
    for label in gone:
        engine.forget(label)
    left = validation.without(gone)
    share = (engine.log_confidence(engine.scores(left.inputs)) >= engine.threshold(0.9)).mean()
    assert share >= 0.9 - (1 + len(FEW) / 2) / len(left)
    engine.calibrate(engine.bank.labels, validation)  # calibrated without the forgotten ones: the same
    for label in engine.bank.labels:
        assert torch.equal(engine.bank[label].tensors["calibration"], kept[label])


# scores


def test_scores_are_those_of_one_batch_at_a_time(make_engine: MakeEngine) -> None:
    engine = make_engine(FEW)
    images = pictures(engine.score_rows + 3)
    whole = engine.scores(images)
    assert whole.dtype == np.float32
    assert np.array_equal(whole[-3:], engine.scores(images[-3:]))


def test_unknown_labels(make_engine: MakeEngine) -> None:
    engine = make_engine(FEW)
    with pytest.raises(UnknownLabelError, match="did you mean: cat"):
        engine.scores(pictures(1), ["car"])
    with pytest.raises(UnknownLabelError):
        engine.forget("dog")
    with pytest.raises(UnknownLabelError):
        engine.threshold(0.9, ["dog"])


# records from a model folder


def test_records_there_and_back(make_engine: MakeEngine) -> None:
    engine = make_engine([f"class {number}" for number in range(12)])
    for gone in ("class 0", "class 9"):
        engine.forget(gone)
    copy = make_engine()
    copy.restore([engine.bank[label] for label in reversed(engine.bank.labels)], {})
    assert copy.bank.slots(copy.bank.labels) == engine.bank.slots(engine.bank.labels)
    images = pictures(3)
    assert np.array_equal(copy.scores(images), engine.scores(images))


def test_shared_tensors_that_the_engine_lacks(make_engine: MakeEngine) -> None:
    with pytest.raises(UsageError, match=r"shared tensors \['adapter'\] don't fit the isolated engine"):
        make_engine().restore([], {"adapter": torch.zeros(1)})
