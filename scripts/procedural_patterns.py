"""Images without a single object: fractals, random-field textures, periodic waves."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from procedural_base import SIZE, Latent, noise_fields, over, palettes, raster, turn_matrix, uniform


def sample_fractals(n: int, g: Generator) -> Latent:
    """Iterated function systems of three contractions: maps [n, 3, 2, 3] and two colours [n, 2, 3]."""
    turn = turn_matrix(uniform(g, n * 3, low=-math.pi, high=math.pi)).view(n, 3, 2, 2)
    scale = uniform(g, n, 3, 1, 2, low=0.3, high=0.75) * torch.where(uniform(g, n, 3, 1, 2) < 0.2, -1.0, 1.0)
    shift = uniform(g, n, 3, 2, 1, low=-0.7, high=0.7)
    return {"maps": torch.cat([turn * scale, shift], -1), "colours": palettes(n, 2, g)}


def draw_fractals(latent: Latent, level: float, g: Generator) -> tuple[Tensor, ...]:
    """Draw fractals by the chaos game: picture [n, 3, 64, 64], mask [n, 64, 64], plan, numbers [n, k]."""
    maps, n, walkers = latent["maps"], len(latent["maps"]), 160
    maps = maps + level * 0.03 * torch.randn(maps.shape, generator=g)
    at, trail, rows = torch.zeros(n, walkers, 2), [], torch.arange(n)[:, None]
    for step in range(28):
        m = maps[rows, torch.randint(0, 3, (n, walkers), generator=g)]
        at = (m[..., :2] @ at[..., None])[..., 0] + m[..., 2]
        if step >= 8:
            trail.append(at)
    points = torch.cat(trail, 1)
    points = (points - points.mean(1, keepdim=True)) / points.std((1, 2), keepdim=True).clamp_min(0.05) * 0.42
    angle = level * uniform(g, n, low=-0.5, high=0.5)
    points = torch.einsum("nij,npj->npi", turn_matrix(angle), points) + level * uniform(
        g, n, 1, 2, low=-0.15, high=0.15
    )
    cell = ((points + 1) * 32).long().clamp(0, 63)
    flat = torch.zeros(n, SIZE * SIZE).scatter_add_(
        1, cell[..., 1] * 64 + cell[..., 0], torch.ones(points.shape[:2])
    )
    density = F.avg_pool2d(flat.view(n, 1, 64, 64), 3, 1, 1)[:, 0]
    cover = (density * 0.7).tanh()
    ground, ink = (
        c[..., None, None]
        for c in (latent["colours"] + level * 0.05 * torch.randn(n, 2, 3, generator=g)).unbind(1)
    )
    plan = F.interpolate(cover[:, None], size=(16, 16), mode="area").expand(n, 2, 16, 16)
    return (
        over(ground.expand(n, 3, SIZE, SIZE), cover, ink),
        cover,
        plan,
        torch.cat([maps.flatten(1), angle[:, None]], 1),
    )


def sample_textures(n: int, g: Generator) -> Latent:
    """Random-field textures: frequency, direction, band width, slope, hardness [n] and colours [n, 3, 3]."""
    names = ("frequency", "direction", "width", "slope", "hard")
    return {k: uniform(g, n) for k in names} | {"colours": palettes(n, 3, g)}


def draw_textures(latent: Latent, level: float, g: Generator) -> tuple[Tensor, ...]:
    """Draw random fields through a palette: picture [n, 3, 64, 64], mask, plan (empty), numbers [n, k]."""
    n = len(latent["hard"])
    frequency = 12 * latent["frequency"].square()
    angle = latent["direction"] * math.pi + level * uniform(g, n, low=-0.3, high=0.3) - math.pi / 2
    centre = frequency[:, None] * torch.stack([angle.cos(), angle.sin()], -1)
    field = noise_fields(n, g, 2 + 4 * latent["slope"], centre, 0.6 + 3 * latent["width"])
    soft = (field * (0.7 + 8 * latent["hard"].square()).view(n, 1, 1)).sigmoid()
    low, middle, high = (
        (c + level * 0.05 * torch.randn(n, 3, generator=g))[..., None, None]
        for c in latent["colours"].unbind(1)
    )
    picture = over(
        over(low.expand(n, 3, SIZE, SIZE), (2 * soft).clamp_max(1), middle),
        (2 * soft - 1).clamp_min(0),
        high,
    )
    numbers = [
        frequency / 4,
        (2 * angle).cos(),
        (2 * angle).sin(),
        latent["width"] * 2,
        latent["slope"] * 2,
        latent["hard"] * 2,
    ]
    colours = picture.mean((2, 3)) * 4
    return picture, soft, torch.zeros(n, 2, 16, 16), torch.cat([torch.stack(numbers, 1), colours], 1)


def sample_waves(n: int, g: Generator) -> Latent:
    """Periodic patterns: kind (grating, checker, rings, step), frequency, direction, hardness, colours [n, 2, 3]."""
    latent = {k: uniform(g, n) for k in ("frequency", "direction", "hard")}
    return latent | {"kind": torch.randint(0, 4, (n,), generator=g), "colours": palettes(n, 2, g)}


def draw_waves(latent: Latent, level: float, g: Generator) -> tuple[Tensor, ...]:
    """Draw gratings, checkers, rings and steps: picture [n, 3, 64, 64], mask, plan (empty), numbers [n, k]."""
    n, kind = len(latent["kind"]), latent["kind"].view(-1, 1, 1)
    x, y = (a[:, 0] for a in raster(SIZE))
    angle = latent["direction"] * math.pi + level * uniform(g, n, low=-0.3, high=0.3)
    c, s = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1)
    shift = uniform(g, 2, n, 1, 1, low=-0.6, high=0.6)
    u, v = c * x + s * y + shift[0], c * y - s * x + shift[1]
    rate = (2 + 16 * latent["frequency"]).view(-1, 1, 1)
    wave = torch.where(kind == 0, (rate * u).sin(), (rate * u).sin() * (rate * v).sin())
    wave = torch.where(kind == 2, (rate * (u * u + v * v).sqrt()).sin(), wave)
    wave = torch.where(kind == 3, u, wave)
    cover = (wave * (1 + 20 * latent["hard"].square()).view(-1, 1, 1)).sigmoid()
    low, high = (
        (c + level * 0.05 * torch.randn(n, 3, generator=g))[..., None, None]
        for c in latent["colours"].unbind(1)
    )
    picture = over(low.expand(n, 3, SIZE, SIZE), cover, high)
    numbers = [F.one_hot(latent["kind"], 4), latent["frequency"][:, None] * 3, latent["hard"][:, None] * 2]
    numbers += [(2 * angle).cos()[:, None], (2 * angle).sin()[:, None], picture.mean((2, 3)) * 4]
    return picture, cover, torch.zeros(n, 2, 16, 16), torch.cat([k.float() for k in numbers], 1)
