"""The four parts of the data, and the model that learned nothing."""

from __future__ import annotations

import numpy as np
import pytest

from preforget.audit.attacks.scene import RandomHead, observe_parts, split_parts
from preforget.backbones import Encoder
from preforget.core.errors import DataError

from ..conftest import coloured


def test_parts_are_a_seeded_sample_of_each_kind() -> None:
    train, test = coloured(9), coloured(4, 1)
    parts = split_parts(train, test, ["red"], ["blue", "green"], 6, 0)
    assert {name: len(part) for name, part in parts.items()} == {
        "forget_train": 6,
        "forget_test": 4,
        "retain_train": 6,
        "retain_test": 6,
    }
    assert set(parts.forget_train.labels) == set(parts.forget_test.labels) == {"red"}
    assert "red" not in {*parts.retain_train.labels, *parts.retain_test.labels}
    again, other = (
        split_parts(train, test, ["red"], ["blue", "green"], 6, seed).retain_train for seed in (0, 1)
    )
    assert np.array_equal(again.inputs, parts.retain_train.inputs)
    assert not np.array_equal(other.inputs, parts.retain_train.inputs)


def test_a_part_that_is_empty() -> None:
    with pytest.raises(DataError, match="the test part of the data has no input of the classes to forget"):
        split_parts(coloured(2), coloured(2).without("red"), ["red"], ["blue", "green"], 6, 0)


def test_a_random_head_knows_nothing_and_is_seeded(tiny_encoder: Encoder) -> None:
    split = coloured(20)
    labels = ("blue", "green", "red")
    first, again, other = (RandomHead(tiny_encoder, labels, seed).scores(split.inputs) for seed in (0, 0, 1))
    assert first.shape == (60, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    parts = split_parts(split, split, ["red"], ["blue", "green"], 100, 0)
    right = [
        (seen.answers == seen.truth).mean()
        for seed in range(40)
        for _, seen in observe_parts(RandomHead(tiny_encoder, labels, seed), parts).items()
    ]
    assert 0.15 < np.mean(right) < 0.5
