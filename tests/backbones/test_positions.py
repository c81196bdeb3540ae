from __future__ import annotations

import torch

from preforget.backbones.positions import regrid


def test_the_same_grid_comes_back() -> None:
    grid = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0))
    assert regrid(grid, (3, 4), cut=True) is grid


def test_the_middle_is_kept_where_it_gets_smaller() -> None:
    grid = torch.arange(6.0).view(6, 1, 1).expand(6, 3, 1)
    assert regrid(grid, (2, 3), cut=True)[:, 0, 0].tolist() == [2, 3]
    assert regrid(grid, (3, 1), cut=True)[:, 0, 0].tolist() == [2, 3, 4]


def test_a_longer_axis_is_interpolated_by_hand() -> None:
    grid = torch.tensor([0.0, 1.0]).view(1, 2, 1)
    assert regrid(grid, (1, 4), cut=True)[0, :, 0].tolist() == [0, 0.25, 0.75, 1]


def test_both_at_once_and_what_vit_does() -> None:
    grid = torch.randn(8, 4, 5, generator=torch.Generator().manual_seed(0))
    assert regrid(grid, (4, 9), cut=True).shape == (4, 9, 5)
    constant = torch.ones(4, 4, 2)
    for cut in (False, True):
        assert torch.allclose(regrid(constant, (2, 7), cut=cut), torch.ones(2, 7, 2), atol=1e-6)
