from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.baselines.descent import all_logits, cross_entropy, descend, descend_once, draw_seed
from preforget.baselines.examples import reading
from preforget.baselines.lora_head import LoraHead
from preforget.baselines.method import DescentConfig
from preforget.data.dataset import Split

from .conftest import seeded


def test_by_hand_first_step_of_adam_and_a_mask() -> None:
    """Adam's first step is the rate against the gradient's sign; under a mask of zero nothing moves."""
    parameters = {"a": torch.tensor([1.0, -1.0]).requires_grad_()}

    def loss(indices: Tensor, noise: torch.Generator) -> Tensor:
        del noise
        return parameters["a"].square().sum() * len(indices)

    descend(parameters, loss, 1, DescentConfig(1, 1, 0.1), seeded(), masks={"a": torch.tensor([1.0, 0.0])})
    assert parameters["a"].tolist() == pytest.approx([0.9, -1.0])


def test_every_example_is_seen_once_per_epoch_in_a_seeded_order() -> None:
    def seen(seed: int) -> list[int]:
        found: list[int] = []
        parameters = {"a": torch.zeros(1, requires_grad=True)}

        def loss(indices: Tensor, noise: torch.Generator) -> Tensor:
            del noise
            found.extend(indices.tolist())
            return parameters["a"].sum()

        descend(parameters, loss, 7, DescentConfig(2, 3, 0.1), seeded(seed))
        return found

    first = seen(0)
    assert sorted(first[:7]) == sorted(first[7:]) == list(range(7))
    assert first == seen(0) != seen(1)
    assert first[:7] != first[7:]


def test_one_pass_sees_every_example_once() -> None:
    weight, found = torch.zeros(1, requires_grad=True), []

    def loss(indices: Tensor) -> Tensor:
        found.append(indices.tolist())
        return (weight - 1).square().sum()

    descend_once(torch.optim.SGD([weight], lr=0.25), loss, 5, 2, seeded())
    assert sorted(index for part in found for index in part) == list(range(5))
    assert [len(part) for part in found] == [2, 2, 1]
    assert weight.item() == pytest.approx(1 - 0.5**3)


def test_against_scores(original: LoraHead, retain: Split) -> None:
    scores = torch.from_numpy(original.scores(retain.inputs))
    with reading(original, retain) as (kept,):
        torch.testing.assert_close(all_logits(original, kept, size=3), scores, rtol=1e-4, atol=1e-5)
        loss = cross_entropy(original, original.parameters, kept)
        # without dropout the loss is that of the scores; with it, it differs
        expected = F.cross_entropy(scores[:4], kept.target[:4])
        dropped = loss(torch.arange(4), seeded())
        assert dropped.item() != expected.item()
        assert dropped.item() == loss(torch.arange(4), seeded()).item()


def test_seeds_are_drawn_one_after_another() -> None:
    generator = seeded()
    first, second = draw_seed(generator), draw_seed(generator)
    assert first != second
    assert draw_seed(seeded()) == first
