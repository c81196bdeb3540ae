"""Position embeddings on another grid: cut in the middle, or interpolated."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def regrid(grid: Tensor, size: tuple[int, int], *, cut: bool, antialias: bool = False) -> Tensor:
    """Turn positions `[h, w, D]` into `[*size, D]`.

    `cut`: an axis that gets shorter keeps its middle, an axis that gets longer is interpolated linearly, as in the AST
    paper does (arXiv 2104.01778, section 2.2); else the whole grid is interpolated bicubically, as for ViT.
    """
    if grid.shape[:2] == size:
        return grid
    if cut:
        for axis in (0, 1):
            if size[axis] < grid.shape[axis]:
                first = grid.shape[axis] // 2 - size[axis] // 2
                grid = grid.narrow(axis, first, size[axis])
    image = grid.permute(2, 0, 1)[None]
    if tuple(image.shape[2:]) != size:
        mode = "bilinear" if cut else "bicubic"
        image = F.interpolate(image, size=size, mode=mode, align_corners=False, antialias=antialias)
    return image[0].permute(1, 2, 0)


def resize_positions(table: Tensor, prefix: int, side: int, *, antialias: bool = False) -> Tensor:
    """Interpolate `[prefix + s s, D]` to a grid of `side` x `side` as transformers does for ViT (bicubic).

    The first `prefix` rows, of CLS and the like, stay. `antialias`: as a few families do.
    """
    head, grid = table[:prefix], table[prefix:]
    old = round(len(grid) ** 0.5)
    square = regrid(grid.view(old, old, -1), (side, side), cut=False, antialias=antialias)
    return torch.cat([head, square.reshape(side * side, -1)])
