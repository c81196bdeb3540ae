"""Handwritten digits that come with scikit-learn: no network, no files, learned in seconds."""

from __future__ import annotations

import numpy as np

from preforget.data.dataset import Dataset, Split, label_array
from preforget.data.registry import DATASETS, DataOptions, NamedSet
from preforget.data.splits import stratified_split

FRACTIONS = (0.60, 0.15, 0.25)


def load_digits(seed: int = 0) -> Dataset:
    """Return 1,797 grey images, `[n, 8, 8]`, classes "0" to "9", split 60/15/25 by class and `seed`.

    The original values 0..16 are scaled to 0..255.
    """
    from sklearn.datasets import load_digits as sklearn_digits

    images, targets = sklearn_digits(return_X_y=True)
    pixels = np.rint(images.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    whole = Split(pixels, label_array([str(int(target)) for target in targets]))
    train, validation, test = (whole.select(part) for part in stratified_split(whole.labels, FRACTIONS, seed))
    note = (
        "Optical Recognition of Handwritten Digits (UCI, CC BY 4.0), the 1,797 images that come with "
        f"scikit-learn, 8 x 8 grey; own stratified split 60/15/25, seed {seed}"
    )
    return Dataset("digits", train, validation, test, tuple("0123456789"), note)


@DATASETS.register("digits")
class Digits(NamedSet):
    """The digits by their name."""

    def load(self, options: DataOptions) -> Dataset:
        """Return the digits, split by the seed."""
        return load_digits(options.seed)
