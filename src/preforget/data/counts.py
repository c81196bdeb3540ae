"""Whether a data set has enough inputs of each class to learn from."""

from __future__ import annotations

from collections import Counter

from preforget.core.errors import DataError
from preforget.data.dataset import Dataset

LEAST = 2


def check_counts(data: Dataset) -> None:
    """Raise `DataError` for a single class, and for one with too few inputs to learn from or to hold out.

    The message counts those for testing too.
    """
    if len(data.classes) < 2 and not data.train.multilabel:
        raise DataError(
            f"{data.name}: only one class, {data.classes[0]!r}; learning needs at least two, such as a sub-folder each"
        )
    counts = Counter(data.train.labels.tolist())
    in_all = counts + Counter(data.validation.labels.tolist()) + Counter(data.test.labels.tolist())
    for label in () if data.train.multilabel else data.classes:  # fit() checks those
        if counts[label] < LEAST:
            raise DataError(
                f"class {label!r} has {in_all[label]} inputs, {counts[label]} of them to learn from; learning needs "
                f"at least {LEAST}, so 4 in all if preforget splits the data; add inputs or leave the class out"
            )
        if "val" in data.taken and label not in data.validation.labels:
            raise DataError(
                f"class {label!r} has {counts[label]} inputs to learn from, of which none can be held out to set its "
                "threshold: they are copies of each other, or of one or two persons whom the split keeps together; add "
                "others, or give a validation part"
            )
