from __future__ import annotations

from collections import Counter

import numpy as np

from preforget.data.digits import load_digits


def test_parts_are_60_15_25_and_stratified() -> None:
    data = load_digits()
    assert [len(data.train), len(data.validation), len(data.test)] == [1078, 269, 450]
    assert data.classes == tuple("0123456789")
    for split in (data.train, data.validation, data.test):
        counts = Counter(split.labels)
        assert set(counts) == set(data.classes)
        assert max(counts.values()) - min(counts.values()) <= 6


def test_pixels_fill_the_range_of_uint8() -> None:
    data = load_digits()
    assert isinstance(data.train.inputs, np.ndarray)
    assert data.train.inputs.dtype == np.uint8
    assert data.train.inputs.shape == (1078, 8, 8)
    assert (data.train.inputs.min(), data.train.inputs.max()) == (0, 255)


def test_the_seed_moves_images_and_the_note_says_it() -> None:
    zero, again, one = load_digits(0), load_digits(0), load_digits(1)
    np.testing.assert_array_equal(zero.train.inputs, again.train.inputs)
    assert not np.array_equal(zero.train.inputs, one.train.inputs)
    assert "seed 1" in one.note
