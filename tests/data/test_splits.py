from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preforget.core.errors import UsageError
from preforget.data import stratified_split
from preforget.data.dataset import Split, label_array
from preforget.data.splits import part_sizes, unit_names

LABELS = st.lists(st.sampled_from(["a", "b", "c", "ü 4"]), max_size=60)
FRACTIONS = st.sampled_from(
    [[0.7, 0.1, 0.2], [0.6, 0.15, 0.25], [0.875, 0.125], [0.1, 0.9], [1.0], [0.8, 0.0, 0.2]]
)
SEEDS = st.integers(0, 2**32)


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(0, [0, 0, 0]), (1, [1, 0, 0]), (2, [1, 0, 1]), (3, [1, 1, 1]), (10, [7, 1, 2]), (100, [70, 10, 20])],
)
def test_sizes_by_hand(count: int, sizes: list[int]) -> None:
    assert part_sizes(count, [0.7, 0.1, 0.2]) == sizes


@given(st.integers(0, 500), FRACTIONS)
def test_sizes_add_up_and_no_part_starves(count: int, fractions: list[float]) -> None:
    sizes = part_sizes(count, fractions)
    assert sum(sizes) == count
    assert min(sizes) >= 0
    assert sizes[0] > 0 or count == 0
    if count >= len(fractions):
        assert all(size > 0 for size, fraction in zip(sizes, fractions, strict=True) if fraction > 0)
    assert all(abs(size - count * part) <= len(sizes) for size, part in zip(sizes, fractions, strict=True))
    assert all(size == 0 for size, fraction in zip(sizes, fractions, strict=True) if fraction == 0)


@given(LABELS, FRACTIONS, SEEDS)
def test_parts_are_disjoint_complete_and_ascending(
    labels: list[str], fractions: list[float], seed: int
) -> None:
    parts = stratified_split(labels, fractions, seed)
    assert len(parts) == len(fractions)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    assert all((np.diff(part) > 0).all() for part in parts)


@given(LABELS, FRACTIONS, SEEDS)
def test_every_class_is_in_train(labels: list[str], fractions: list[float], seed: int) -> None:
    train = stratified_split(labels, fractions, seed)[0]
    assert {labels[i] for i in train} == set(labels)


@given(LABELS, FRACTIONS, SEEDS)
def test_a_class_is_split_alike_whichever_others_exist(
    labels: list[str], fractions: list[float], seed: int
) -> None:
    alone = [position for position, label in enumerate(labels) if label == "a"]
    parts = stratified_split(labels, fractions, seed)
    parts_alone = stratified_split(["a"] * len(alone), fractions, seed)
    for part, part_alone in zip(parts, parts_alone, strict=True):
        assert [i for i in part if labels[i] == "a"] == [alone[i] for i in part_alone]


def test_seeds_repeat_and_differ() -> None:
    labels = ["a"] * 50
    one, again, other = (stratified_split(labels, [0.5, 0.5], seed)[0].tolist() for seed in (1, 1, 2))
    assert one == again != other


def test_the_order_is_the_same_on_every_machine() -> None:
    assert stratified_split(["a", "b"] * 5, [0.6, 0.4], 0)[1].tolist() == [2, 3, 6, 9]


@pytest.mark.parametrize("fractions", [[], [0.5, 0.4], [0.0, 1.0], [1.5, -0.5]])
def test_fractions_that_are_no_split_are_refused(fractions: list[float]) -> None:
    with pytest.raises(UsageError, match="sum to 1"):
        stratified_split(["a", "b"], fractions, 0)


def test_a_subject_that_leaves_moves_nobody_else() -> None:
    rng = np.random.default_rng(0)
    labels, people = rng.choice(["a", "b"], 200), rng.choice(["Ada", "Bob", "Cy"], 200)
    whole = Split(
        np.arange(200, dtype=np.uint8).reshape(-1, 1, 1), label_array(list(labels)), label_array(list(people))
    )
    left = whole.without_subjects("Bob")

    def parts(split: Split) -> list[set[int]]:
        pieces = stratified_split(unit_names(split), (0.7, 0.3), 0)
        return [set(np.asarray(split.inputs)[piece].ravel().tolist()) for piece in pieces]

    gone = set(range(200)) - set(np.asarray(left.inputs).ravel().tolist())
    assert parts(left) == [part - gone for part in parts(whole)]


def test_without_subjects_a_unit_is_its_class() -> None:
    split = Split(np.zeros((2, 1, 1), dtype=np.uint8), label_array(["a", "b"]))
    assert unit_names(split).tolist() == ["a", "b"]
