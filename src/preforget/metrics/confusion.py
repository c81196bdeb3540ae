"""Which true class is answered with which, abstaining among the answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.abstain import ABSTAIN


def confusion(
    truth: Iterable[Any], answers: Iterable[Any], rows: Sequence[str], columns: Sequence[str]
) -> npt.NDArray[np.int64]:
    """Return counts `[len(rows), len(columns) + 1]` of true labels by answers, the last column for abstaining.

    >>> confusion(["a", "b"], ["a", ABSTAIN], ["a", "b"], ["a"]).tolist()
    [[1, 0], [0, 1]]
    """
    row = {label: index for index, label in enumerate(rows)}
    column: dict[Any, int] = {label: index for index, label in enumerate(columns)}
    column[ABSTAIN] = len(columns)
    counts = np.zeros((len(rows), len(columns) + 1), dtype=np.int64)
    for label, answer in zip(truth, answers, strict=True):
        counts[row[label], column[answer]] += 1
    return counts
