"""Shots, the training of one more class and what it regains: by hand, beside a loop in numpy, for every engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.audit.attacks.few_shot import (
    LEAST_RETAINED,
    PARTS,
    descend,
    fixed_prompt,
    joined,
    live_bias,
    open_inputs,
    open_shots,
    open_test,
    ranks,
    regained,
    relabelled,
    row_norm,
    train_class,
)
from preforget.audit.attacks.observe import Parts
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import DataError, UsageError
from preforget.data import Split
from preforget.data.dataset import Sounds, label_array
from preforget.white_box.open_model import surface_of

from ..toy_surface import ToySurface, learned, parts, vectors


def plane(kind: str = "own") -> ToySurface:
    """One class that scores the first coordinate, squashed."""
    weights = {
        "adapter.map": torch.eye(2),
        "prompt": torch.zeros(1, 1, 2),
        "row": torch.tensor([[1.0, 0.0]]),
        "bias": torch.zeros(1),
    }
    return ToySurface(["b"], weights, kind)


UP = {"prompt": torch.zeros(1, 2), "row": torch.tensor([0.0, 1.0]), "bias": torch.tensor(0.0)}


def test_shares_by_hand() -> None:
    read = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 2.0], [-1.0, 0.0], [2.0, 1.0]])
    rows = torch.arange(6)
    # the new class scores the second coordinate: it takes one of two, and two of four
    assert regained(plane(), read, rows[:2], rows[2:], UP) == (0.5, 0.5)
    # a live class that scores the second coordinate itself leaves it nothing, as it wins a tie
    live = {**plane().live(), "row": torch.tensor([[0.0, 1.0]])}
    assert regained(plane(), read, rows[:2], rows[2:], UP, live) == (0.0, 0.0)


def test_the_size_of_a_row_by_hand() -> None:
    surface = plane()
    surface.weights["row"] = torch.tensor([[3.0, 4.0]])
    surface.weights["bias"] = torch.tensor([0.5])
    read, rows = torch.tensor([[0.2, -0.1], [-0.3, 0.4]]), torch.arange(2)
    assert row_norm(surface, read, rows, UP) == pytest.approx(5.0)
    assert live_bias(surface) == 0.5
    closed = plane("closed")
    seen = np.tanh([[0.2, -0.1], [-0.3, 0.4]])
    expected = seen[:, 0].std() / (np.linalg.norm(seen) / 2**0.5 / 2**0.5)
    assert row_norm(closed, read, rows, UP) == pytest.approx(expected, rel=1e-6)
    assert live_bias(closed) == 0.0
    assert row_norm(closed, read, rows[:1], UP) == 1.0  # one score has no deviation


def test_training_a_row_is_adam_on_cross_entropy() -> None:
    surface = learned(parts().retain_train)
    data = open_shots(surface, parts(), 3, 0)
    rows = data.shots(3)
    targets = data.targets[rows]
    found = train_class(surface, data.read, rows, targets, "row", 2, 7, torch.Generator().manual_seed(4))
    start = surface.start(2, torch.Generator().manual_seed(4))
    live = surface.logits(data.read, rows).double().numpy()
    seen = surface.readout(data.read, rows, start).double().numpy()
    theta = np.zeros(seen.shape[1] + 1)
    first, second = np.zeros_like(theta), np.zeros_like(theta)
    x = np.hstack([seen, np.ones((len(rows), 1))])
    for step in range(1, 8):
        own = x @ theta
        p = np.exp(own) / (np.exp(own) + np.exp(live).sum(axis=1))
        slope = x.T @ (p - (targets.numpy() == 3)) / len(rows)
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        theta -= 1e-2 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    np.testing.assert_allclose(found["row"].numpy(), theta[:-1], atol=1e-5)
    assert float(found["bias"]) == pytest.approx(theta[-1], abs=1e-5)
    assert torch.equal(found["prompt"], start["prompt"])


@pytest.mark.parametrize("part", PARTS)
def test_only_the_named_part_is_learned(part: str) -> None:
    surface = learned(parts().retain_train)
    before = {name: tensor.clone() for name, tensor in surface.weights.items()}
    data = open_shots(surface, parts(), 5, 0)
    rows = data.shots(5)
    one, two = (
        train_class(
            surface, data.read, rows, data.targets[rows], part, 1, steps, torch.Generator().manual_seed(1)
        )
        for steps in (0, 3)
    )
    moved = {name for name in one if not torch.equal(one[name], two[name])}
    assert moved == {"key": {"prompt"}, "row": {"row", "bias"}, "both": {"prompt", "row", "bias"}}[part]
    if part == "key":
        assert float(one["row"].norm()) == pytest.approx(
            float(surface.live()["row"].norm(dim=1).mean()), rel=1e-5
        )
        assert float(one["bias"]) == pytest.approx(float(surface.live()["bias"].mean()), rel=1e-5)
    assert not any(tensor.requires_grad for tensor in two.values())
    assert all(torch.equal(before[name], tensor) for name, tensor in surface.weights.items())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 12), st.integers(0, 12))
def test_fewer_shots_are_among_more_and_of_every_class_there_are_enough(
    seed: int, one: int, other: int
) -> None:
    surface = ToySurface("bcd", {"adapter.map": torch.eye(6)})
    data = open_shots(surface, parts(each=14), 12, seed)
    few, many = sorted((one, other))
    assert set(data.shots(few).tolist()) <= set(data.shots(many).tolist())
    counts = torch.bincount(data.targets[data.shots(few)], minlength=4).tolist()
    assert counts == [max(few, LEAST_RETAINED)] * 3 + [few]


def test_what_is_drawn_of_a_class_no_other_class_moves() -> None:
    labels = label_array([*"abcabcab"])
    found = ranks(labels, 3)
    alone = ranks(label_array([*"aaa"]), 3)
    assert found[labels == "a"].tolist() == alone.tolist()
    assert sorted(found[labels == "c"]) == [0, 1]
    assert len({tuple(ranks(label_array([*"aaaaa"]), seed)) for seed in range(20)}) > 5


def test_targets_are_columns_and_the_forgotten_ones_come_first() -> None:
    data = open_test(ToySurface("bcd", {"adapter.map": torch.eye(6)}), parts(each=10), 0, most=8)
    assert data.targets[data.forgotten].tolist() == [3] * 8
    assert len(data.retained) == 8
    chosen = parts(each=10).retain_test
    rows = {tuple(x): label for x, label in zip(chosen.inputs.tolist(), chosen.labels, strict=True)}
    read = (data.read * 25 + 128).round().int().tolist()
    assert [rows[tuple(read[i])] for i in data.retained] == ["bcd"[data.targets[i]] for i in data.retained]


@pytest.mark.parametrize(
    ("count", "batch", "sizes"), [(10, None, [10] * 4), (130, None, [64, 64, 2, 64]), (5, 2, [2, 2, 1, 2])]
)
def test_every_input_comes_once_before_any_comes_twice(
    count: int, batch: int | None, sizes: list[int]
) -> None:
    weight, seen = torch.zeros((), requires_grad=True), []

    def loss(chosen: torch.Tensor) -> torch.Tensor:
        seen.append(chosen.tolist())
        return weight * len(chosen)

    assert list(descend([weight], loss, count, 4, torch.Generator().manual_seed(0), 0.1, batch)) == [
        1,
        2,
        3,
        4,
    ]
    assert [len(batch) for batch in seen] == sizes
    epoch = [place for batch in seen[: 1 if sizes[0] == count else 3] for place in batch]
    assert sorted(epoch) == list(range(count))


def test_labels_as_an_attacker_has_them() -> None:
    targets = torch.tensor([0, 0, 1, 1, 2, 2] * 20)
    generator = torch.Generator().manual_seed(0)
    assert relabelled(targets, "true", 3, generator) is targets
    shuffled = relabelled(targets, "shuffled", 3, generator)
    assert torch.equal(torch.bincount(shuffled), torch.bincount(targets))
    assert 0.2 < float((shuffled == targets).double().mean()) < 0.5
    drawn = relabelled(targets, "random", 3, generator)
    assert set(drawn.tolist()) == {0, 1, 2}
    assert not torch.equal(torch.bincount(drawn), torch.bincount(targets))
    with pytest.raises(UsageError, match="'wrong'"):
        relabelled(targets, "wrong", 3, generator)


def test_inputs_of_every_kind_are_joined() -> None:
    names, others = label_array(["a"]), label_array(["b", "c"])
    sounds = joined(
        Split(Sounds(np.ones((1, 3), np.float32), 8), names),
        Split(Sounds(np.zeros((2, 3), np.float32), 8), others),
    )
    assert isinstance(sounds.inputs, Sounds)
    assert sounds.inputs.waves[:, 0].tolist() == [1, 0, 0]
    paths = joined(Split([Path("x")], names), Split([Path("y"), Path("z")], others))
    assert paths.inputs == [Path("x"), Path("y"), Path("z")]
    assert paths.labels.tolist() == ["a", "b", "c"]
    arrays = joined(vectors(1, 0, "a"), vectors(1, 0, "bc"))
    assert np.shape(arrays.inputs) == (3, 6)
    for other in (Split([Path("y"), Path("z")], others), Split(np.zeros((2, 5), np.uint8), others)):
        with pytest.raises(DataError, match="give one kind"):
            joined(vectors(1, 0, "a"), other)


def test_what_cannot_be_attacked_is_refused() -> None:
    surface, data = learned(parts().retain_train, steps=1), parts(each=5)
    nothing = data.retain_test.select([])
    with pytest.raises(DataError, match="retain_test holds no input"):
        open_test(surface, Parts(data.forget_train, data.forget_test, data.retain_train, nothing), 0)
    with pytest.raises(DataError, match="retain_train holds no input"):
        open_shots(surface, Parts(data.forget_train, data.forget_test, nothing, data.retain_test), 1, 0)
    with pytest.raises(DataError, match="'a' counts as retained"):
        open_inputs(surface, None, data.forget_test)
    read, rows = surface.read(data.retain_test.inputs), torch.arange(0)
    with pytest.raises(UsageError, match="'head'"):
        train_class(surface, read, rows, rows, "head", 1, 1, torch.Generator())
    with pytest.raises(DataError, match="no input to learn"):
        train_class(surface, read, rows, rows, "row", 1, 1, torch.Generator())


@pytest.mark.parametrize("part", PARTS)
def test_each_engine_can_be_attacked(model: PreForgettableClassifier, split: Split, part: str) -> None:
    surface = surface_of(model)
    own, others = split.only("red"), split.without("red")
    data = open_shots(surface, Parts(own, own, others, others), 2, 0)
    rows = data.shots(2)
    before = surface.logits(data.read, rows)
    new = train_class(
        surface, data.read, rows, data.targets[rows], part, 2, 3, torch.Generator().manual_seed(0)
    )
    shares = regained(surface, data.read, data.forgotten, data.retained, new)
    assert all(0 <= share <= 1 for share in shares)
    assert torch.equal(surface.logits(data.read, rows), before)


def test_training_a_row_moves_no_other_score_and_no_readout(
    model: PreForgettableClassifier, split: Split
) -> None:
    surface = surface_of(model)
    read, rows = surface.read(split.inputs), torch.arange(6)
    new = surface.start(2, torch.Generator().manual_seed(0))
    others, readout = fixed_prompt(surface, read, rows, new)
    new["row"], new["bias"] = torch.randn(new["row"].shape), torch.tensor(0.3)
    logits = surface.logits(read, rows, new)
    torch.testing.assert_close(logits[:, :-1], others)
    torch.testing.assert_close(logits[:, -1], readout @ new["row"].flatten() + 0.3, atol=1e-5, rtol=1e-5)
