from __future__ import annotations

import torch

from preforget.engines.own_logits import FEWEST, LEAST, WIDTH, OwnLogits


def logits(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_oddness_by_hand() -> None:
    held_out = [logits(FEWEST, 0), logits(FEWEST + 5, 1), logits(FEWEST, 2)]
    own, x = OwnLogits.of(held_out), logits(1, 3)
    t = (x[0] - held_out[1].mean(dim=0)) / (held_out[1].std(dim=0, correction=0) + LEAST)
    expected = -(t[0] ** 2 + t[2] ** 2) / 2 / WIDTH
    torch.testing.assert_close(own.oddness(x, torch.tensor([1]))[0], expected)


def test_held_out_images_have_one_over_width_on_average() -> None:
    own = OwnLogits.of([logits(FEWEST, seed) for seed in range(3)])
    found = own.oddness(logits(FEWEST, 2), torch.full((FEWEST,), 2))
    torch.testing.assert_close(found.mean().item(), -1 / WIDTH, rtol=1e-3, atol=0)


def test_too_few_held_out_images_judge_nobody() -> None:
    own = OwnLogits.of([logits(FEWEST - 1, 0), logits(0, 1), logits(FEWEST, 2)])
    x = 100 * logits(4, 5)
    assert own.oddness(x, torch.tensor([0, 1, 0, 1])).tolist() == [-1 / WIDTH] * 4
    assert (own.oddness(x, torch.tensor([2] * 4)) < -1).all()


def test_one_class_alone() -> None:
    own = OwnLogits.of([torch.zeros(FEWEST, 1, dtype=torch.float64)])
    assert own.oddness(torch.zeros(2, 1, dtype=torch.float64), torch.tensor([0, 0])).tolist() == [0, 0]


def test_nothing_stays_behind() -> None:
    own = OwnLogits.of([logits(FEWEST, seed) for seed in range(3)])
    own.wipe()
    assert not own.mean.any()
    assert not own.deviation.any()
