"""Filled outlines: cells with a core of one to four lobes and grains, and scattered contours."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from procedural_base import (
    GRID,
    Latent,
    clouds,
    enlarge,
    noise_fields,
    over,
    palettes,
    raster,
    turn_matrix,
    uniform,
)


def radial_level(centre: Tensor, radius: Tensor, harmonics: Tensor, size: int = GRID) -> Tensor:
    """Signed level [n, k, size, size], positive inside r(t) = radius (1 + Re sum_j harmonics_j exp(i j t)), j >= 2.

    Takes centres [n, k, 2], radii [n, k] and harmonics [n, k, h, 2] (cosine and sine parts).
    """
    x, y = raster(size)
    dx, dy = x - centre[..., 0, None, None], y - centre[..., 1, None, None]
    rho = (dx * dx + dy * dy).sqrt_().clamp_min_(1e-4)
    c1, s1 = dx / rho, dy / rho
    c, s, wobble = c1, s1, torch.ones_like(rho)
    for j in range(harmonics.shape[2]):
        c, s = c * c1 - s * s1, s * c1 + c * s1
        wobble = wobble + harmonics[:, :, j, 0, None, None] * c + harmonics[:, :, j, 1, None, None] * s
    return radius[..., None, None] * wobble - rho


def _cover(level: Tensor, sharp: float = 25.0) -> Tensor:
    return (sharp * enlarge(level)).sigmoid()


def _harmonics(g: Generator, n: int, k: int, strength: Tensor) -> Tensor:
    fall = torch.tensor([1.0, 0.7, 0.5, 0.35]).view(1, 1, 4, 1)
    return torch.randn(n, k, 4, 2, generator=g) * fall * strength.view(n, -1, 1, 1)


def sample_cells(n: int, g: Generator) -> Latent:
    """Cell latents: outline, a core of one to four lobes, two grains and the colours of four layers."""
    lobes = torch.randint(1, 5, (n,), generator=g)
    bend = uniform(g, n, low=0.3, high=1.6)
    spot = (torch.arange(4)[None] - (lobes[:, None] - 1) / 2) * bend[:, None]
    step = uniform(g, n, low=0.5, high=1.1)
    arc = (
        torch.stack([spot.sin() / bend[:, None], (1 - spot.cos()) / bend[:, None]], -1) * step[:, None, None]
    )
    return {
        "radius": uniform(g, n, low=0.35, high=0.8),
        "outline": _harmonics(g, n, 1, 0.12 * uniform(g, n)),
        "lobes": lobes,
        "arc": arc
        - (arc * (torch.arange(4)[None] < lobes[:, None])[..., None]).sum(1, keepdim=True)
        / lobes.view(n, 1, 1),
        "core": uniform(g, n, low=0.3, high=0.9),
        "core_outline": _harmonics(g, n, 1, 0.25 * uniform(g, n)).expand(n, 4, 4, 2),
        "offset": uniform(g, n, 2, low=-0.3, high=0.3),
        "grain": uniform(g, n, 2, low=0, high=1),  # frequency of the granules and of the core's texture
        "strength": uniform(g, n, 2) * 0.25,
        "colours": palettes(n, 5, g),  # ground, body, core, granules, neighbours
        "crowd": torch.randint(0, 4, (n,), generator=g),
    }


def _grain(n: int, g: Generator, frequency: Tensor) -> Tensor:
    zero = torch.zeros(n, 2)
    return noise_fields(n, g, torch.full((n,), 4.0), zero, 2 * 8**frequency)


def draw_cells(latent: Latent, level: float, g: Generator) -> tuple[Tensor, ...]:
    """Draw cells: picture [n, 3, 64, 64], mask [n, 64, 64], plan [n, 2, 16, 16], numbers [n, k]."""
    n = len(latent["radius"])
    turn = turn_matrix(level * uniform(g, n, low=-math.pi, high=math.pi))
    turn = (
        turn * torch.stack([torch.ones(n), torch.where(uniform(g, n) < 0.5 * level, -1.0, 1.0)], -1)[:, None]
    )
    radius = latent["radius"] * (1 + level * uniform(g, n, low=-0.12, high=0.12))
    centre = level * uniform(g, n, 2, low=-0.15, high=0.15)
    body = radial_level(
        centre[:, None],
        radius[:, None],
        latent["outline"] + level * 0.02 * torch.randn(n, 1, 4, 2, generator=g),
    )
    lobes, many = latent["lobes"], latent["lobes"].sqrt()
    core_radius = radius * latent["core"] / many
    jitter = level * 0.12 * torch.randn(n, 4, 2, generator=g)
    local = (latent["arc"] + jitter) * (1.6 * core_radius).view(n, 1, 1)
    local = local + (latent["offset"] * (radius * (1 - latent["core"])).view(n, 1) * 2)[:, None]
    spots = torch.einsum("nij,nkj->nki", turn, local) + centre[:, None]
    core = radial_level(
        spots, core_radius[:, None].expand(n, 4), latent["core_outline"] / many.view(n, 1, 1, 1)
    )
    absent = (torch.arange(4)[None] >= lobes[:, None]).view(n, 4, 1, 1) * 9.0
    core = ((core - absent) * 14).logsumexp(1, keepdim=True) / 14
    colours = latent["colours"] + level * 0.02 * torch.randn(n, 5, 3, generator=g)
    ground, fill, inner, dot, other = (c[..., None, None] for c in colours.unbind(1))
    picture = ground + 0.03 * clouds(n, g)[:, None]
    crowd_at = uniform(g, n, 3, 2, low=-1.2, high=1.2)
    crowd_at = crowd_at / crowd_at.abs().amax(-1, keepdim=True).clamp_min(0.5) * 1.05
    crowd = radial_level(crowd_at, uniform(g, n, 3, low=0.25, high=0.5), torch.zeros(n, 3, 0, 2))
    crowd = crowd - (torch.arange(3)[None] >= latent["crowd"][:, None]).view(n, 3, 1, 1) * 9.0
    rim = crowd.amax(1, keepdim=True)
    picture = over(picture, (_cover(rim) * (1 - 0.6 * _cover(rim - 0.18, 12.0)))[:, 0], other)
    granules, chromatin = (_grain(n, g, latent["grain"][:, i])[:, None] for i in (0, 1))
    body_cover, core_cover = _cover(body)[:, 0], _cover(torch.minimum(core, body - 0.02))[:, 0]
    strength = latent["strength"].view(n, 2, 1, 1, 1)
    speck = (3 * granules - 2).sigmoid() * (strength[:, 0] * 4)
    picture = over(picture, body_cover, fill + speck * (dot - fill))
    picture = over(picture, core_cover, inner + strength[:, 1] * 0.8 * chromatin)
    plan = F.interpolate(torch.stack([body_cover, core_cover], 1), size=(16, 16), mode="area")
    numbers = [F.one_hot(lobes - 1, 4), radius[:, None] * 4, latent["core"][:, None] * 3, latent["grain"] * 2]
    numbers += [
        latent["strength"] * 8,
        colours[:, :3].flatten(1) * 2,
        plan.mean((2, 3)) * 3,
        latent["crowd"][:, None],
    ]
    numbers += [latent["outline"].flatten(1).norm(dim=1)[:, None] * 5]
    return picture, body_cover, plan, torch.cat([x.float() for x in numbers], 1)


def sample_contours(n: int, g: Generator) -> Latent:
    """Scenes of one to four filled contours of one outline: harmonics [n, 1, 4, 2], count [n], colours [n, 3, 3]."""
    return {
        "count": torch.randint(1, 5, (n,), generator=g),
        "outline": _harmonics(g, n, 1, uniform(g, n, low=0.05, high=0.3)),
        "size": uniform(g, n, low=0.3, high=0.7),
        "colours": palettes(n, 3, g),
        "grain": uniform(g, n),
    }


def draw_contours(latent: Latent, level: float, g: Generator) -> tuple[Tensor, ...]:
    """Draw contours: picture [n, 3, 64, 64], mask [n, 64, 64], plan [n, 2, 16, 16], numbers [n, k]."""
    n, count = len(latent["count"]), latent["count"]
    spread = ((count - 1) / 3).view(n, 1, 1) * 0.4 + 0.15 * level
    centre = uniform(g, n, 4, 2, low=-1.4, high=1.4) * spread
    size = latent["size"] / count.sqrt()
    blobs = radial_level(
        centre,
        size[:, None] * (1 + level * uniform(g, n, 4, low=-0.2, high=0.2)),
        latent["outline"].expand(n, 4, 4, 2),
    )
    level_set = (blobs - (torch.arange(4)[None] >= count[:, None]).view(n, 4, 1, 1) * 9.0).amax(
        1, keepdim=True
    )
    cover, inner = _cover(level_set)[:, 0], _cover(level_set - 0.12)[:, 0]
    ground, edge, fill = (
        (c + level * 0.04 * torch.randn(n, 3, generator=g))[..., None, None]
        for c in latent["colours"].unbind(1)
    )
    picture = over(ground + 0.04 * clouds(n, g)[:, None], cover, edge)
    picture = over(picture, inner, fill + 0.1 * _grain(n, g, latent["grain"])[:, None])
    plan = F.interpolate(torch.stack([cover, inner], 1), size=(16, 16), mode="area")
    numbers = [
        F.one_hot(count - 1, 4),
        size[:, None] * 4,
        latent["outline"].flatten(1) * 5,
        latent["grain"][:, None] * 2,
    ]
    numbers += [latent["colours"].flatten(1) * 2]
    return picture, cover, plan, torch.cat([x.float() for x in numbers], 1)
