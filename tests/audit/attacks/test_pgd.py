"""Small changes of inputs that lift an aim, and no larger ones."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from preforget.audit.attacks.pgd import drawn, pgd, share_of


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
