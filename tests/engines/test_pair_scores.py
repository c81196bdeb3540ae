"""Scores by class pairs: what is left after forgetting is what would have been kept without the class."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.core.errors import UsageError
from preforget.engines.pair_scores import FEWEST, HIGHEST, MOST_ROWS, PairScores
from preforget.records.record import EVERY_CLASS, ClassRecord


def drawn(classes: int, rows: int, seed: int = 0) -> tuple[list[str], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = [f"class {number:03}" for number in range(classes)]
    return labels, rng.integers(0, classes, rows), rng.normal(size=(rows, classes)).astype(np.float32)


def same(one: PairScores | None, two: PairScores | None) -> bool:
    assert one is not None
    assert two is not None
    return one.labels == two.labels and all(
        np.array_equal(getattr(one, name), getattr(two, name)) for name in ("truth", "values", "columns")
    )


def test_rows_and_columns_by_hand() -> None:
    scores = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0], [9.0, 8.0, 7.0]])
    kept = PairScores.of(["a", "b", "c"], np.array([1, 0, 2]), scores)
    assert kept.truth.tolist() == [0, 1, 2]
    assert kept.values.tolist() == [[0, 5, 4], [3, 1, 2], [9, 8, 7]]
    left = kept.without({"b"})
    assert left is not None
    assert (left.labels, left.truth.tolist(), left.values.tolist()) == (("a", "c"), [0, 1], [[0, 4], [9, 7]])
    assert left.without({"a", "c"}) is None


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 9), st.sets(st.integers(0, 8), min_size=1, max_size=3), st.integers(0, 50))
def test_forgetting_is_as_if_the_class_had_never_been_there(classes: int, gone: set[int], seed: int) -> None:
    labels, truth, scores = drawn(classes, 40, seed)
    stays = [number for number in range(classes) if number not in gone]
    left = PairScores.of(labels, truth, scores).without({labels[n] for n in gone if n < classes})
    if not stays:
        assert left is None
        return
    rows = np.isin(truth, stays)
    renumbered = np.searchsorted(stays, truth[rows])
    assert same(left, PairScores.of([labels[n] for n in stays], renumbered, scores[rows][:, stays]))


def test_of_many_classes_the_highest_columns_tell_nothing_of_those_that_went() -> None:
    """In each row lie the highest live columns, one fewer per class that went, whether it was among them or not."""
    labels, truth, scores = drawn(80, 300)
    kept = PairScores.of(labels, truth, scores)
    assert kept.width == HIGHEST
    left = kept.without({labels[3], labels[70]})
    assert left is not None
    assert left.width == HIGHEST - 2
    live = [n for n in range(80) if n not in (3, 70)]
    half = scores.astype(np.float16).astype(np.float32)
    rows = np.argsort(truth, kind="stable")
    rows = rows[np.isin(truth[rows], live)]
    expected = np.sort(np.sort(half[rows][:, live], axis=1)[:, -left.width :], axis=1)
    assert np.array_equal(np.sort(left.values, axis=1), expected)
    assert np.array_equal(left.values, np.take_along_axis(half[rows][:, live], left.columns, axis=1))
    assert kept.without(labels[: HIGHEST - FEWEST]) is not None
    assert kept.without(labels[: HIGHEST - FEWEST + 1]) is None


def test_of_a_large_class_the_first_inputs_are_kept() -> None:
    truth = np.zeros(MOST_ROWS + 5, dtype=np.int64)
    kept = PairScores.of(["a"], truth, np.arange(MOST_ROWS + 5.0)[:, None])
    assert kept.values[:, 0].tolist() == list(range(MOST_ROWS))


@pytest.mark.parametrize("classes", [3, 70])
def test_there_and_back_in_half_precision(classes: int) -> None:
    kept = PairScores.of(*drawn(classes, 100))
    record = kept.to_record()
    assert record.label == EVERY_CLASS
    assert record.tensors["scores"].dtype == torch.float16
    assert ("columns" in record.tensors) == (classes == 70)
    assert same(PairScores.from_record(record), kept)


@pytest.mark.parametrize(
    "spoil",
    [
        {"names": torch.tensor([1, 2], dtype=torch.uint8)},
        {"truth": torch.tensor([0, 1, 7], dtype=torch.int32)},
        {"truth": torch.tensor([0, 1], dtype=torch.int32)},
        {"scores": torch.zeros(3, 5)},
        {"scores": torch.full((3, 2), torch.nan)},
    ],
)
def test_what_can_t_be_is_refused(spoil: dict[str, torch.Tensor]) -> None:
    record = PairScores.of(["a", "b"], np.array([0, 1, 1]), np.zeros((3, 2))).to_record()
    with pytest.raises(UsageError, match="holds no scores by class pairs"):
        PairScores.from_record(ClassRecord("", {**record.tensors, **spoil}))
