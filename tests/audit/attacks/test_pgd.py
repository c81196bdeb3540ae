"""Small changes of inputs that lift an aim, and no larger ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from preforget.audit.attacks.observe import Parts
from preforget.audit.attacks.pgd import attack_pixels, drawn, pgd, share_of
from preforget.data import Split
from preforget.data.dataset import label_array


class Linear:
    """Two classes on two numbers: the scores are the numbers, so the larger one is the answer."""

    labels = ("a", "b")

    def pixels(self, inputs: Any, rows: Tensor) -> Tensor:
        return torch.from_numpy(np.asarray(inputs))[rows]

    def open(self, pixels: Tensor) -> Tensor:
        return pixels


@pytest.mark.parametrize(
    ("eps", "wanted"),
    [
        (1e-6, {"pgd": 0.25, "pgd_before": 0.25, "pgd_control": 0.0}),
        (0.5, {"pgd": 0.5, "pgd_before": 0.25, "pgd_control": 0.5}),
        (3.0, {"pgd": 1.0, "pgd_before": 0.25, "pgd_control": 1.0}),
    ],
)
def test_shares_by_hand(eps: float, wanted: dict[str, float]) -> None:
    """An input is accepted where its larger number reaches 1; another answer needs half the difference."""
    forgotten = np.array([[1.1, 0.0], [0.6, 0.0], [0.2, 0.0], [0.0, -0.3]], dtype=np.float32)
    retained = np.array([[0.5, 0.0], [0.0, 0.8], [2.0, 0.0], [0.0, 3.0]], dtype=np.float32)
    gone, kept = Split(forgotten, label_array(["x"] * 4)), Split(retained, label_array(list("abab")))
    surface: Any = Linear()
    values = attack_pixels(
        surface, Parts(gone, gone, kept, kept), lambda s: s.max(dim=1).values >= 1, eps, (4, 10), 0
    )
    assert values == wanted


def test_a_linear_aim_is_brought_to_its_maximum() -> None:
    w = torch.tensor([[2.0, -1.0, 0.5]])
    x = torch.tensor([[0.1, 0.2, 0.3], [-1.0, 0.0, 1.0]])
    found = pgd(lambda p: (p * w).sum(dim=1), x, 0.25, 5, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, x + 0.25 * w.sign())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(1e-3, 2.0), st.integers(1, 6))
def test_pgd_stays_within_its_ball_and_is_the_same_for_a_seed(seed: int, eps: float, steps: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, w = torch.randn(3, 2, 4, 4, generator=generator), torch.randn(2, 4, 4, generator=generator)
    each = torch.tensor([eps, eps / 2]).view(2, 1, 1)

    def aim(p: Tensor) -> Tensor:
        return torch.tanh(p * w).flatten(1).sum(dim=1)

    found = [pgd(aim, x, each, steps, torch.Generator().manual_seed(seed)) for _ in range(2)]
    assert torch.equal(*found)
    assert ((found[0] - x).abs() <= each + 1e-5).all()


def test_drawn_places_and_shares() -> None:
    assert sorted(drawn(5, 9, 0).tolist()) == [0, 1, 2, 3, 4]
    assert drawn(100, 7, 0).tolist() == drawn(100, 9, 0).tolist()[:7]
    assert share_of([torch.tensor([True, False]), torch.tensor([True, True])]) == 0.75


def test_the_steps_are_those_of_the_paper() -> None:
    """Against NumPy, on an aim with a maximum inside the ball for some numbers and outside for others."""
    x, goal = np.array([[0.0, 1.0, -2.0]], np.float32), np.array([[0.05, 3.0, -2.1]], np.float32)
    eps, steps = 0.3, 7
    expected = x + eps * (2 * torch.rand(1, 3, generator=torch.Generator().manual_seed(5)).numpy() - 1)
    for _ in range(steps):
        slope = -2 * (expected - goal)
        expected = np.clip(expected + 2.5 * eps / steps * np.sign(slope), x - eps, x + eps)
    before = torch.random.get_rng_state()
    found = pgd(
        lambda p: -((p - torch.from_numpy(goal)) ** 2).sum(dim=1),
        torch.from_numpy(x),
        eps,
        steps,
        torch.Generator().manual_seed(5),
    )
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_ball_without_width_moves_nothing_and_weights_get_no_gradients() -> None:
    weight = torch.ones(2, requires_grad=True)
    x = torch.tensor([[0.3, -0.7]])
    width = torch.tensor([0.0, 0.5])  # as of two channels, one of which is constant
    found = pgd(lambda p: (p * weight).sum(dim=1), x, width, 4, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, torch.tensor([[0.3, -0.2]]), rtol=0, atol=1e-6)
    assert found[0, 0] == x[0, 0]
    assert weight.grad is None
    still = pgd(
        lambda p: p.sum(dim=1), x, 0.5, 0, torch.Generator().manual_seed(0)
    )  # no step: the random start
    assert 0 < (still - x).abs().max() <= 0.5


def test_a_rule_that_asks_for_a_difference_is_attacked_by_the_difference() -> None:
    """Lifting both scores changes no difference; of one class alone no other answer can be attacked."""
    inputs = np.array([[0.5, 0.0], [0.5, 0.4]], dtype=np.float32)
    data = Split(inputs, label_array(["a", "b"]))
    surface: Any = Linear()
    values = attack_pixels(
        surface, Parts(data, data, data, data), lambda s: s[:, 0] - s[:, 1] >= 1.4, 0.5, (2, 10), 0
    )
    assert (values["pgd_before"], values["pgd"]) == (0.0, 0.5)
    surface.labels = ("a",)
    values = attack_pixels(
        surface, Parts(data, data, data, data), lambda s: s.max(dim=1).values >= 1, 0.1, (2, 3), 0
    )
    assert values == {"pgd": 0.0, "pgd_before": 0.0}
