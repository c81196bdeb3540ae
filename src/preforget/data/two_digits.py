"""Pictures of two handwritten digits, made from scikit-learn's: several labels per picture, without a download."""

from __future__ import annotations

import numpy as np

from preforget.core.seeds import derive_seed
from preforget.data.dataset import Dataset, Split, label_array
from preforget.data.digits import load_digits
from preforget.data.registry import DATASETS, DataOptions, NamedSet

SIDE = 16
PICTURES = {"train": 1200, "validation": 300, "test": 500}


def load_two_digits(seed: int = 0) -> Dataset:
    """Return 2,000 grey pictures, `[n, 16, 16]`, each of two digits side by side at random heights.

    Labels are the one or two digits in a picture. Each part is made of the same part of the digits, so that no digit's
    image occurs in two parts. `seed` splits and pairs.
    """
    digits = load_digits(seed)
    parts = []
    for name, count in PICTURES.items():
        source: Split = getattr(digits, name)
        rng = np.random.default_rng(derive_seed(seed, "two-digits", name))
        images = np.asarray(source.inputs)
        pictures = np.zeros((count, SIDE, SIDE), dtype=np.uint8)
        labels = []
        for picture in pictures:
            chosen = rng.integers(len(source), size=2)
            for column, position in zip((0, SIDE // 2), chosen, strict=True):
                top = int(rng.integers(SIDE // 2 + 1))
                picture[top : top + SIDE // 2, column : column + SIDE // 2] = images[position]
            labels.append(tuple(sorted(set(source.labels[chosen]))))
        parts.append(Split(pictures, label_array(labels)))
    note = (
        f"two digits per picture, made from scikit-learn's handwritten digits (UCI, CC BY 4.0), seed {seed}"
    )
    train, validation, test = parts
    return Dataset("two-digits", train, validation, test, digits.classes, note)


@DATASETS.register("two-digits")
class TwoDigits(NamedSet):
    """The pictures by their name."""

    def load(self, options: DataOptions) -> Dataset:
        """Return the pictures, paired and split by the seed."""
        return load_two_digits(options.seed)
