"""Images made from formulae alone, with the numbers that made them: all that the builtin backbone has seen.

Every family has a `sample_*` function (the latent: what an image shows) and a `draw_*` function (one view of
it: pose, thickness, colours, light), in `procedural_strokes`, `procedural_blobs` and `procedural_patterns`.
`make_views` mixes the families, draws every latent several times and degrades the pictures.
All randomness comes from the generator passed in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from procedural_base import GRID, SIZE, Latent, uniform
from procedural_blobs import draw_cells, draw_contours, sample_cells, sample_contours
from procedural_patterns import (
    draw_fractals,
    draw_textures,
    draw_waves,
    sample_fractals,
    sample_textures,
    sample_waves,
)
from procedural_strokes import draw_strokes, sample_strokes

PARAMS = 24  # numbers regressed per image; each family uses the first few
MIX = {"strokes": 0.3, "cells": 0.44, "contours": 0.08, "fractals": 0.04, "textures": 0.1, "waves": 0.04}
FAMILIES = tuple(MIX)


@dataclass(frozen=True)
class Views:
    """Rendered images [n, 3, 64, 64] uint8 and what is known of each; rows of one latent are neighbours."""

    images: Tensor  # [n, 3, 64, 64] uint8
    clean: Tensor  # [n, 3, 64, 64] the picture before blur and noise, 0 to 1
    mask: Tensor  # [n, 32, 32] where the object lies, 0 to 1
    plan: Tensor  # [n, 2, 16, 16] strokes: the glyph in its own frame; blobs: outline and core; 0 to 1
    plan_weight: Tensor  # [n] 1 where the plan means something
    family: Tensor  # [n] index into FAMILIES
    params: Tensor  # [n, PARAMS] the generator's numbers, of order one
    params_weight: Tensor  # [n, PARAMS] 1 where the family has such a number


DRAWERS: Mapping[str, tuple[Callable[[int, Generator], Latent], Callable[..., tuple[Tensor, ...]]]] = {
    "strokes": (sample_strokes, draw_strokes),
    "cells": (sample_cells, draw_cells),
    "contours": (sample_contours, draw_contours),
    "fractals": (sample_fractals, draw_fractals),
    "textures": (sample_textures, draw_textures),
    "waves": (sample_waves, draw_waves),
}


def degrade(picture: Tensor, level: float, g: Generator, glyphs: bool = False) -> Tensor:
    """Light, loss of resolution and noise as a cheap camera has them: [n, 3, 64, 64] in 0 to 1 -> uint8.

    Glyphs lose resolution often and down to 8 x 8; elsewhere fine texture means something and mostly stays.
    """
    n, strong = len(picture), 1.0 if glyphs else 0.4
    cast = 0.06 * strong * uniform(g, n, 3, 1, 1, low=-1, high=1)
    gain = 1 + level * (cast + 0.25 * strong * uniform(g, n, 1, 1, 1, low=-1, high=1))
    shift = level * 0.12 * strong * uniform(g, n, 1, 1, 1, low=-1, high=1)
    picture = 0.5 + (picture - 0.5) * gain + shift
    order, done = torch.randperm(n, generator=g), picture.clone()
    sizes = ((8, 0.12), (12, 0.12), (20, 0.12), (32, 0.14)) if glyphs else ((24, 0.1), (40, 0.15))
    for size, share in sizes:
        rows, order = order[: int(n * share)], order[int(n * share) :]
        small = F.interpolate(picture[rows], size=(size, size), mode="area")
        done[rows] = F.interpolate(small, size=(SIZE, SIZE), mode="bicubic", align_corners=False)
    noise = level * 0.06 * strong * uniform(g, n, 1, 1, 1).square()
    done += noise * torch.randn(n, 1, SIZE, SIZE, generator=g)
    return done.clamp_(0, 1).mul_(255).round_().to(torch.uint8)


def draw_family(name: str, n: int, level: float, g: Generator, views: int = 2) -> Views:
    """Draw `views` views of each of n latents of one family; level 0 to 1 is how much views differ."""
    sample, draw = DRAWERS[name]
    latent = {k: v.repeat_interleave(views, 0) for k, v in sample(n, g).items()}
    picture, mask, plan, numbers = draw(latent, level, g)
    m = len(picture)
    known = torch.zeros(m, PARAMS)
    known[:, : numbers.shape[1]] = 1
    return Views(
        images=degrade(picture, max(level, 0.3), g, name == "strokes"),
        clean=picture.clamp(0, 1),
        mask=F.interpolate(mask[:, None], size=(GRID, GRID), mode="area")[:, 0],
        plan=plan.contiguous(),
        plan_weight=torch.full((m,), float(name not in ("textures", "waves"))),
        family=torch.full((m,), FAMILIES.index(name)),
        params=F.pad(numbers.float(), (0, PARAMS - numbers.shape[1])),
        params_weight=known,
    )


def make_views(
    latents: int, level: float, g: Generator, views: int = 2, mix: Mapping[str, float] = MIX
) -> Views:
    """Draw `views` neighbouring views of each of `latents` latents, families in the shares of `mix`."""
    counts = [int(latents * share) for share in mix.values()]
    counts[0] += latents - sum(counts)
    parts = [draw_family(k, c, level, g, views) for k, c in zip(mix, counts, strict=True) if c]
    return Views(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(Views)))
