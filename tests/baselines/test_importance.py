from __future__ import annotations

import torch
import torch.nn.functional as F

from preforget.baselines.examples import reading
from preforget.baselines.importance import diagonal_fisher, drawn_targets
from preforget.baselines.lora_head import LoraHead
from preforget.data.dataset import Split

from .conftest import seeded


def test_against_a_loop_over_single_images(original: LoraHead, forget: Split) -> None:
    parameters = original.copied()
    with reading(original, forget) as (gone,):
        found = diagonal_fisher(original, gone)
        total = {name: torch.zeros_like(tensor) for name, tensor in parameters.items()}
        for number in range(len(gone)):
            states, target = gone.batch(torch.tensor([number]))
            loss = F.cross_entropy(original.logits(parameters, states), target)
            for name, gradient in zip(
                total, torch.autograd.grad(loss, list(parameters.values())), strict=True
            ):
                total[name] += gradient**2 / len(gone)
    for name, expected in total.items():
        scale = expected.max().item()
        torch.testing.assert_close(found[name], expected, rtol=1e-3, atol=1e-4 * scale)


def test_by_hand_the_bias(original: LoraHead, forget: Split) -> None:
    """The gradient of a bias is `p - y`, so its importance is the mean of `(p - y)^2`."""
    shares = torch.from_numpy(original.scores(forget.inputs)).softmax(dim=1)
    with reading(original, forget) as (gone,):
        found = diagonal_fisher(original, gone)["head.bias"]
        expected = (shares - F.one_hot(gone.target, shares.shape[1])).square().mean(dim=0)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-9)


def test_order_of_images_does_not_matter(original: LoraHead, train: Split) -> None:
    with reading(original, train) as (examples,):
        one = diagonal_fisher(original, examples)
        other = diagonal_fisher(original, examples.select(torch.arange(len(examples)).flip(0)))
    for name, tensor in one.items():
        assert (tensor >= 0).all()
        torch.testing.assert_close(tensor, other[name], rtol=1e-3, atol=1e-4 * tensor.max().item())


def test_drawn_targets_follow_the_answers() -> None:
    logits = torch.tensor([[0.0, 0.0, 100.0], [100.0, 0.0, 0.0]])
    assert drawn_targets(logits, seeded()).tolist() == [2, 0]
    even = drawn_targets(torch.zeros(9000, 3), seeded())
    shares = torch.bincount(even, minlength=3) / len(even)
    torch.testing.assert_close(shares, torch.full((3,), 1 / 3), rtol=0, atol=0.02)
