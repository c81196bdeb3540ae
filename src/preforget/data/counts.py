"""Whether a data set has enough inputs of each class to learn from."""

from __future__ import annotations

from collections import Counter

from preforget.core.errors import DataError
from preforget.data.dataset import Dataset

LEAST = 2


def check_counts(data: Dataset) -> None:
    """Raise `DataError` for a class with too few images to learn from, counting also those kept for testing."""
    counts = Counter(data.train.labels.tolist())
    whole = counts + Counter(data.validation.labels.tolist()) + Counter(data.test.labels.tolist())
    for label in () if data.train.multilabel else data.classes:  # fit() checks conditions
        if counts[label] < LEAST:
            raise DataError(
                f"class {label!r} has {whole[label]} images, {counts[label]} of them to learn from; learning needs "
                f"at least {LEAST}, so 4 in all where the data are split here; add images or leave the class out"
            )
