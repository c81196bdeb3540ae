"""Scores of validation inputs by class pairs, from which abstention is formed: one derived record of all classes.

Of the inputs of class `i` it holds the scores of columns `j`, in half precision. Forgetting a class drops its inputs
and its column. Up to `MOST_WHOLE` classes every column is kept; of more only the `HIGHEST` of each input, and one fewer
for every class that goes, so that what is left is a function of the inputs and the columns that are left: which of the
inputs had the forgotten class among their highest can't be told.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from preforget.core.canonical import canonical_json, read_canonical
from preforget.core.errors import UsageError
from preforget.records import ClassRecord
from preforget.records.record import EVERY_CLASS

MOST_WHOLE = 64
HIGHEST = 32
FEWEST = 8
"""With fewer columns than this, of more classes, nothing is kept: they would say too little."""

MOST_ROWS = 256
MOST_ROWS_OF_MANY = 64
"""The most inputs of a class, and where there are more classes than `MOST_WHOLE`."""

LARGEST = 60_000.0
"""The largest score that half precision holds."""

Floats = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PairScores:
    """`labels`: the `C` columns, sorted; `truth [n]`: the column of each input's class; `values [n, k]` of `columns`.

    Rows are sorted by class, columns in each row by number.
    """

    labels: tuple[str, ...]
    truth: Whole
    values: Floats
    columns: Whole

    @property
    def width(self) -> int:
        """How many columns are known of each input."""
        return int(self.values.shape[1])

    @classmethod
    def of(cls, labels: Sequence[str], truth: Whole, scores: npt.NDArray[np.floating[Any]]) -> PairScores:
        """Keep of scores `[n, C]` what is kept, of classes with too many inputs the first ones."""
        many = len(labels) > MOST_WHOLE
        most, width = (MOST_ROWS_OF_MANY, HIGHEST) if many else (MOST_ROWS, len(labels))
        order = np.argsort(truth, kind="stable")
        rank_in_class = np.arange(len(truth)) - np.searchsorted(truth[order], truth[order], side="left")
        rows = order[rank_in_class < most]
        half = np.clip(scores[rows], -LARGEST, LARGEST).astype(np.float16).astype(np.float32)
        every = np.broadcast_to(np.arange(len(labels)), half.shape)
        columns = _highest(half, width)
        names = tuple(labels)
        return cls(names, truth[rows], _take(half, columns), np.array(_take(every, columns)))

    def without(self, gone: Collection[str]) -> PairScores | None:
        """Return what is left without the inputs and columns of classes; None where that would say too little."""
        stays = np.array([label not in gone for label in self.labels], dtype=np.bool_)
        left = int(stays.sum())
        if left == len(self.labels):
            return self
        whole = self.width == len(self.labels)
        width = left if whole else min(left, self.width - (len(self.labels) - left))
        if not left or width < min(FEWEST, left):
            return None
        rows = stays[self.truth]
        values, columns = self.values[rows], self.columns[rows]
        known = np.where(stays[columns], values, -np.inf)
        kept = _highest(known, width)
        number = np.cumsum(stays) - 1
        return PairScores(
            tuple(label for label, yes in zip(self.labels, stays, strict=True) if yes),
            number[self.truth[rows]],
            _take(values, kept),
            number[_take(columns, kept)],
        )

    def renamed(self, old: str, new: str) -> PairScores:
        """Return the same scores with a class named anew, columns in the new order of names.

        >>> values, columns = np.array([[1, 2], [3, 4]], np.float32), np.array([[0, 1], [0, 1]])
        >>> scores = PairScores(("a", "b"), np.array([0, 1]), values, columns)
        >>> scores.renamed("a", "c").values.tolist()
        [[4.0, 3.0], [2.0, 1.0]]
        """
        names = [new if name == old else name for name in self.labels]
        number = np.argsort(np.argsort(np.array(names, dtype=object)))
        truth, columns = number[self.truth], number[self.columns]
        rows, places = np.argsort(truth, kind="stable"), np.argsort(columns, axis=1)
        return PairScores(
            tuple(sorted(names)),
            truth[rows],
            _take(self.values, places)[rows],
            np.array(_take(columns, places)[rows]),
        )

    def wipe(self) -> None:
        """Overwrite the scores: freed memory keeps its content."""
        self.values[:] = 0
        self.columns[:] = 0
        self.truth[:] = 0

    def to_record(self) -> ClassRecord:
        """Return the record, which concerns every class."""
        names = np.frombuffer(canonical_json(list(self.labels)), dtype=np.uint8)
        tensors = {
            "names": torch.from_numpy(names.copy()),
            "truth": torch.from_numpy(self.truth.astype(np.int32)),
            "scores": torch.from_numpy(self.values.astype(np.float16)),
        }
        if self.width < len(self.labels):
            tensors["columns"] = torch.from_numpy(self.columns.astype(np.int32))
        return ClassRecord(EVERY_CLASS, tensors)

    @classmethod
    def from_record(cls, record: ClassRecord) -> PairScores:
        """Read what `to_record` returned; raises `UsageError` for anything else."""
        damaged = UsageError(f"record {record.id} is damaged: it holds no scores by class pairs")
        try:
            labels = read_canonical(record.tensors["names"].numpy().tobytes())
            truth = record.tensors["truth"].numpy().astype(np.int64)
            values = record.tensors["scores"].numpy().astype(np.float32)
            every = np.broadcast_to(np.arange(len(labels)), (len(truth), len(labels)))
            given = record.tensors.get("columns")
            columns = np.array(every if given is None else given.numpy(), dtype=np.int64)
        except (KeyError, ValueError, TypeError):
            raise damaged from None
        named = isinstance(labels, list) and all(isinstance(name, str) for name in labels)
        if not named or labels != sorted(set(labels)) or values.shape != columns.shape or values.ndim != 2:
            raise damaged
        if len(truth) != len(values) or not np.isfinite(values).all():
            raise damaged
        for numbers in (truth, columns):
            if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(labels):
                raise damaged
        return cls(tuple(labels), truth, values, columns)


def _highest(values: Floats, width: int) -> Whole:
    """Return where each row has its `width` highest values, in order of place; of equal ones the first."""
    if width == values.shape[1]:
        return np.broadcast_to(np.arange(width), values.shape)
    return np.sort(np.argsort(-values, axis=1, kind="stable")[:, :width], axis=1)


def _take(table: Any, places: Whole) -> Any:
    return np.array(np.take_along_axis(table, places, axis=1))
