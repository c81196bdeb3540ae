from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from preforget.backbones import Encoder
from preforget.baselines import LoraHead
from preforget.baselines.ridge_head import RidgeHead, RidgeHeadConfig, RidgeHeadMethod, solve
from preforget.core.errors import DataError, NotFittedError, UsageError
from preforget.data.dataset import Split
from preforget.records.moments import Moments

from .conftest import seeded

CONFIG = RidgeHeadConfig(levels=3)


def test_by_hand_one_feature_and_two_classes() -> None:
    """Features -1 and 1: `S = 2`, `C = -1` and `1`, so `w = C / (2 + 2 gamma)`, and `b` is the share of the class."""
    parts = [Moments.of(torch.tensor([[value]], dtype=torch.int16)) for value in (-1, 1)]
    rows, biases = solve(parts, gamma=0.5)
    assert rows.tolist() == pytest.approx(np.array([[-1 / 3], [1 / 3]]))
    assert biases.tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("gamma", [1e-3, 1e-1, 1.0])
def test_against_scikit_learn(gamma: float) -> None:
    x = torch.randint(-50, 50, (40, 6), generator=seeded(), dtype=torch.int16)
    y = torch.arange(40) % 3
    rows, biases = solve([Moments.of(x[y == label]) for label in range(3)], gamma)
    wide = x.double().numpy()
    centred = wide - wide.mean(axis=0)
    reference = Ridge(alpha=gamma * (centred**2).sum() / 6).fit(wide, np.eye(3)[y])
    np.testing.assert_allclose(rows, reference.coef_, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(biases, reference.intercept_, rtol=1e-8)


def test_forgetting_equals_never_having_seen_the_class_bit_for_bit(
    original: LoraHead, train: Split, forget: Split, retain: Split, test_part: Split
) -> None:
    method = RidgeHeadMethod(CONFIG)
    whole = method.prepare(original, train)
    found = method.unlearn(whole, forget, retain, seeded())
    never = method.unlearn(original, forget, retain, seeded())
    assert found.labels == ["green", "red"]
    np.testing.assert_array_equal(found.scores(test_part.inputs), never.scores(test_part.inputs))
    assert whole.labels == ["blue", "green", "red"]


def test_constant_features_stay_finite() -> None:
    same = Moments.of(torch.full((3, 2), 7, dtype=torch.int16))
    rows, biases = solve([same, same], gamma=1e-2)
    assert rows.abs().max() == 0
    assert biases.tolist() == [0.5, 0.5]


def test_scores_of_nothing(tiny_encoder: Encoder, train: Split) -> None:
    head = RidgeHead.learned(tiny_encoder, CONFIG, train)
    assert head.scores(np.asarray(train.inputs)[:0]).shape == (0, 3)


def test_says_what_is_wrong(tiny_encoder: Encoder, train: Split, forget: Split) -> None:
    head = RidgeHead.learned(tiny_encoder, CONFIG, train)
    with pytest.raises(DataError, match="'purple'"):
        head.without(["purple"])
    with pytest.raises(NotFittedError, match="at least one class"):
        head.without(head.labels)
    with pytest.raises(UsageError, match="3 blocks"):
        RidgeHead.learned(tiny_encoder, RidgeHeadConfig(levels=4), train)
    with pytest.raises(UsageError, match="'blue'"):
        RidgeHeadMethod(CONFIG).unlearn(head, forget, train, seeded())
