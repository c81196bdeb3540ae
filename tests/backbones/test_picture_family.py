from __future__ import annotations

import torch

from preforget.backbones.picture_families import FAMILIES
from preforget.backbones.picture_family import patch_rope


def test_a_patch_turns_by_its_place() -> None:
    cos, sin = patch_rope(2, 8, 100.0)
    assert cos.shape == sin.shape == (4, 8)
    assert torch.allclose(cos.square() + sin.square(), torch.ones(4, 8))
    assert torch.equal(cos[:, :4], cos[:, 4:])


def test_how_many_positions_stand_before_those_of_patches() -> None:
    row = FAMILIES["deit"]
    assert [row.before_patches(count, 2, 0) for count in (4 + 2, 16 + 2, 16, 17)] == [2, 2, 0, None]
