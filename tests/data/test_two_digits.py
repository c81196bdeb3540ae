from __future__ import annotations

import numpy as np

from preforget.data import load_data
from preforget.data.digits import load_digits


def test_each_half_is_a_digit_of_the_same_part() -> None:
    data, digits = load_data("two-digits", seed=3), load_digits(3)
    assert data.classes == tuple("0123456789")
    for name, count in (("train", 1200), ("validation", 300), ("test", 500)):
        part, source = getattr(data, name), getattr(digits, name)
        assert part.inputs.shape == (count, 16, 16)
        assert part.multilabel
        known = {image.tobytes(): label for image, label in zip(source.inputs, source.labels, strict=True)}
        for picture, labels in list(zip(part.inputs, part.labels, strict=True))[:20]:
            found = set()
            for column in (0, 8):
                half = picture[:, column : column + 8]
                found |= {
                    known[cut.tobytes()]
                    for top in range(9)
                    if (cut := half[top : top + 8]).tobytes() in known
                }
            assert set(labels) == found


def test_it_is_seeded() -> None:
    first, again, other = (load_data("two-digits", seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.train.inputs, again.train.inputs)
    assert not np.array_equal(first.train.inputs, other.train.inputs)
