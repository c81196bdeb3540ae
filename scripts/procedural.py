"""Images made from formulae alone, with the numbers that made them: the only data the builtin backbone saw.

Every family has a `sample_*` function (the latent: what an image shows) and a `draw_*` function (one view of it:
pose, thickness, colours, light). `make_views` mixes the families, draws every latent several times and
degrades the pictures. All randomness comes from the generator passed in.

Frame: x and y run from -1 to 1, x to the right, y down; angles in radians.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

SIZE = 64
GRID = 32  # shapes are evaluated on a GRID x GRID raster of signed distances and enlarged
PARAMS = 24  # numbers regressed per image; each family uses the first few
MIX = {"strokes": 0.42, "cells": 0.32, "contours": 0.08, "fractals": 0.05, "textures": 0.08, "waves": 0.05}
FAMILIES = tuple(MIX)
Latent = dict[str, Tensor]


@dataclass(frozen=True)
class Views:
    """Rendered images [n, 3, 64, 64] uint8 and what is known of each; rows of one latent are neighbours."""

    images: Tensor  # [n, 3, 64, 64] uint8
    clean: Tensor  # [n, 3, 32, 32] the picture before blur and noise, 0 to 1
    mask: Tensor  # [n, 32, 32] where the object lies, 0 to 1
    plan: Tensor  # [n, 2, 16, 16] strokes: the glyph in its own frame; blobs: outline and core; 0 to 1
    plan_weight: Tensor  # [n] 1 where the plan means something
    family: Tensor  # [n] index into FAMILIES
    params: Tensor  # [n, PARAMS] the generator's numbers, of order one
    params_weight: Tensor  # [n, PARAMS] 1 where the family has such a number


def uniform(g: Generator, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Draw a tensor of the shape, uniform between low and high."""
    return torch.rand(shape, generator=g) * (high - low) + low


def _raster(size: int) -> tuple[Tensor, Tensor]:
    axis = (torch.arange(size) + 0.5) / size * 2 - 1
    return axis.view(1, 1, 1, size), axis.view(1, 1, size, 1)


def _enlarge(x: Tensor, size: int = SIZE) -> Tensor:
    return F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)


def _turn(angle: Tensor) -> Tensor:
    """Rotation matrices [n, 2, 2] of angles [n]."""
    c, s = angle.cos(), angle.sin()
    return torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)


def noise_fields(n: int, g: Generator, slope: Tensor, centre: Tensor, width: Tensor) -> Tensor:
    """Gaussian random fields [n, 64, 64] of unit variance; power falls as |f|**-slope around centre [n, 2]."""
    fy, fx = torch.fft.fftfreq(SIZE, 1 / SIZE).view(1, -1, 1), torch.arange(SIZE // 2 + 1.0).view(1, 1, -1)
    cx, cy = centre[:, 0].view(-1, 1, 1), centre[:, 1].view(-1, 1, 1)
    radius = ((fx - cx) ** 2 + (fy - cy) ** 2).add(width.view(-1, 1, 1) ** 2)
    amplitude = radius.pow(-slope.view(-1, 1, 1) / 2) * ((fx > 0) | (fy != 0))
    white = torch.view_as_complex(torch.randn(n, SIZE, SIZE // 2 + 1, 2, generator=g))
    out = torch.fft.irfft2(white * amplitude, s=(SIZE, SIZE))
    return out / out.std((1, 2), keepdim=True).clamp_min(1e-6)


def _clouds(n: int, g: Generator) -> Tensor:
    return noise_fields(
        n, g, uniform(g, n, low=1.5, high=4), torch.zeros(n, 2), uniform(g, n, low=0.5, high=3)
    )


def segment_distance(points: Tensor, size: int) -> Tensor:
    """Distance [n, size, size] from each pixel to the nearest piece of polylines [n, strokes, vertices, 2]."""
    x, y = _raster(size)
    out = []
    for chunk in points.split(8):
        a, b = chunk[:, :, :-1].flatten(1, 2), chunk[:, :, 1:].flatten(1, 2)
        ax, ay = a[..., 0, None, None], a[..., 1, None, None]
        dx, dy = (b - a)[..., 0, None, None], (b - a)[..., 1, None, None]
        inverse = 1 / (dx * dx + dy * dy).clamp_min(1e-6)
        px, py = x - ax, y - ay
        h = (px * (dx * inverse) + py * (dy * inverse)).clamp_(0, 1)
        out.append(((px - h * dx).square_() + (py - h * dy).square_()).amin(1))
    return torch.cat(out).sqrt_()


# --- strokes: glyphs of one to three pen strokes ---------------------------------------------------------------

VERTICES = 12


def _stroke_bases() -> Tensor:
    """Rows that turn 4 control points into VERTICES: cubic and quadratic Bezier, polylines of 2, 3, 4 points."""
    t = torch.linspace(0, 1, VERTICES)
    cubic = torch.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3], -1)
    quadratic = torch.stack([(1 - t) ** 2, 2 * t * (1 - t), t * t, 0 * t], -1)
    lines = []
    for k in (2, 3, 4):
        hat = (1 - (t[:, None] * (k - 1) - torch.arange(k)).abs()).clamp_min(0)
        lines.append(F.pad(hat, (0, 4 - k)))
    return torch.stack([cubic, quadratic, *lines])


def sample_strokes(n: int, g: Generator) -> Latent:
    """Glyph latents: vertices [n, 3, 12, 2] in the unit frame, stroke counts and loop counts [n]."""
    t = torch.linspace(0, 1, VERTICES)
    kind = torch.randint(0, 8, (n, 3), generator=g)  # 0-4 bases, 5 arc, 6-7 closed loop
    bent = (_stroke_bases()[kind.clamp_max(4)] @ uniform(g, n, 3, 4, 2, low=-1, high=1)).contiguous()
    extent = torch.where(kind == 5, uniform(g, n, 3, low=1.5, high=5.5), torch.tensor(2 * math.pi))
    phase = uniform(g, n, 3, 1, low=0, high=2 * math.pi) + extent[..., None] * t
    radii = uniform(g, n, 3, 1, 2, low=0.25, high=0.9)
    ring = radii * torch.stack([phase.cos(), phase.sin()], -1) + uniform(g, n, 3, 1, 2, low=-0.4, high=0.4)
    points = torch.where((kind < 5)[..., None, None], bent, ring)
    points = points * torch.tensor([1.0, 0.75, 0.6]).view(1, 3, 1, 1)
    rows = torch.arange(n)
    for j in (1, 2):
        target = points[rows, j - 1, torch.randint(0, VERTICES, (n,), generator=g)]
        source = points[rows, j, torch.randint(0, 2, (n,), generator=g) * (VERTICES - 1)]
        joined = (uniform(g, n) < 0.7).view(n, 1)
        points[:, j] += ((target - source) * joined)[:, None]
    count = torch.randint(1, 4, (n,), generator=g)
    ink, paper = ink_and_paper(n, g)
    used = torch.arange(3)[None] < count[:, None]
    points = torch.where(used[..., None, None], points, points[:, :1])
    low, high = points.amin((1, 2)), points.amax((1, 2))
    half = ((high - low) / 2).amax(-1).clamp_min(0.2)
    points = (points - ((low + high) / 2)[:, None, None]) / half.view(n, 1, 1, 1)
    loops = ((kind > 5) & used).sum(1)
    return {"points": points, "count": count, "loops": loops, "ink": ink, "paper": paper}


def ink_and_paper(n: int, g: Generator) -> tuple[Tensor, Tensor]:
    """Draw two colours [n, 3, 1] each that differ clearly; two in five are plain black and white, as scans are."""
    grey = (uniform(g, n, 1, 1) < 0.7).float()
    ink, paper = (grey * uniform(g, n, 1, 1) + (1 - grey) * uniform(g, n, 3, 1) for _ in range(2))
    gap = ink.mean(1, keepdim=True) - paper.mean(1, keepdim=True)
    push = torch.where(gap >= 0, 0.5, -0.5)
    ink = (ink + torch.where(gap.abs() < 0.35, push, 0.0)).clamp(-0.1, 1.1)
    plain, side = uniform(g, n, 1, 1) < 0.4, (gap >= 0).float()
    return torch.where(plain, side, ink), torch.where(plain, 1 - side, paper)


def draw_strokes(latent: Latent, level: float, g: Generator) -> tuple[Tensor, ...]:
    """Draw glyphs: picture [n, 3, 64, 64], mask [n, 64, 64], plan [n, 2, 16, 16], numbers [n, k]."""
    points, n = latent["points"], len(latent["points"])
    plan = (10 * (0.16 - segment_distance(points[::2] * 0.8, 16))).sigmoid().repeat_interleave(2, 0)[:n]
    wave = uniform(g, n, 1, 1, 2, low=-1, high=1) * 2.5
    phase = uniform(g, n, 1, 1, 2, low=0, high=2 * math.pi)
    points = points + level * 0.16 * uniform(g, n, 1, 1, 2) * (wave * points.flip(-1) + phase).sin()
    points = points + level * 0.03 * torch.randn(points.shape, generator=g)
    angle, shear = level * uniform(g, n, low=-0.35, high=0.35), level * uniform(g, n, low=-0.35, high=0.35)
    scale = 0.78 * (1 + level * uniform(g, n, 2, low=-0.45, high=0.2))
    shift = level * uniform(g, n, 2, low=-0.16, high=0.16)
    matrix = _turn(angle)
    matrix = matrix @ torch.stack([torch.ones(n), shear, torch.zeros(n), torch.ones(n)], -1).view(n, 2, 2)
    points = torch.einsum("nij,nskj->nski", matrix * scale[:, None], points) + shift[:, None, None]
    thick = 0.12 + level * uniform(g, n, low=-0.08, high=0.12)
    distance = _enlarge(segment_distance(points, GRID)[:, None])[:, 0]
    cover = (uniform(g, n, 1, 1, low=25, high=60) * (thick.view(n, 1, 1) - distance)).sigmoid()
    fresh = (uniform(g, n, 1, 1) < level).float()
    pairs = zip(ink_and_paper(n, g), (latent["ink"], latent["paper"]), strict=True)
    ink, paper = (fresh * new + (1 - fresh) * old for new, old in pairs)
    dirt = level * uniform(g, n, 1, 1, 1).square() * 0.2 * (uniform(g, n, 1, 1, 1) < 0.6)
    ground = paper[..., None] + dirt * _clouds(n, g)[:, None]
    picture = ground + cover[:, None] * (ink[..., None] - ground)
    d = (points[:, :, 1:] - points[:, :, :-1]).flatten(1, 2)
    length, double = d.norm(dim=-1), 2 * torch.atan2(d[..., 1], d[..., 0])
    flat = points.flatten(1, 2)
    numbers = [
        F.one_hot(latent["count"] - 1, 3),
        F.one_hot(latent["loops"], 4),
        angle[:, None] * 3,
        shear[:, None] * 3,
    ]
    numbers += [scale * 2, shift * 6, thick[:, None] * 8, length.sum(1, keepdim=True) / 4]
    numbers += [
        (length * double.cos()).mean(1, keepdim=True) * 8,
        (length * double.sin()).mean(1, keepdim=True) * 8,
    ]
    numbers += [flat.mean(1) * 3, flat.std(1) * 3, (flat[..., :1] * flat[..., 1:]).mean(1) * 5]
    return picture, cover, torch.stack([plan, plan], 1), torch.cat(numbers, 1)


# --- blobs: cells with a core, and scattered contours -----------------------------------------------------------


def radial_level(centre: Tensor, radius: Tensor, harmonics: Tensor, size: int = GRID) -> Tensor:
    """Signed level [n, k, size, size], positive inside r(t) = radius (1 + Re sum_j harmonics_j exp(i j t)), j >= 2.

    Takes centres [n, k, 2], radii [n, k] and harmonics [n, k, h, 2] (cosine and sine parts).
    """
    x, y = _raster(size)
    dx, dy = x - centre[..., 0, None, None], y - centre[..., 1, None, None]
    rho = (dx * dx + dy * dy).sqrt_().clamp_min_(1e-4)
    c1, s1 = dx / rho, dy / rho
    c, s, wobble = c1, s1, torch.ones_like(rho)
    for j in range(harmonics.shape[2]):
        c, s = c * c1 - s * s1, s * c1 + c * s1
        wobble = wobble + harmonics[:, :, j, 0, None, None] * c + harmonics[:, :, j, 1, None, None] * s
    return radius[..., None, None] * wobble - rho


def _cover(level: Tensor, sharp: float = 25.0) -> Tensor:
    return (sharp * _enlarge(level)).sigmoid()


def _over(picture: Tensor, cover: Tensor, colour: Tensor) -> Tensor:
    return picture + cover[:, None] * (colour - picture)


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
        "strength": uniform(g, n, 2).square() * 0.25,
        "colours": palettes(n, 5, g),  # ground, body, core, granules, neighbours
        "crowd": torch.randint(0, 4, (n,), generator=g),
    }


def palettes(n: int, colours: int, g: Generator, each: int = 8) -> Tensor:
    """Draw palettes [n, colours, 3] of which about `each` rows share one, so that colour alone tells few apart."""
    k = max(1, n // each)
    base = uniform(g, k, 1, 3) + uniform(g, k, colours, 3, low=-0.5, high=0.5)
    grey = base.mean(-1, keepdim=True)
    base = grey + uniform(g, k, 1, 1, low=0.2) * (base - grey)
    chosen = base[torch.randint(0, k, (n,), generator=g)]
    return (chosen + 0.05 * torch.randn(n, colours, 3, generator=g)).clamp(0, 1)


def _grain(n: int, g: Generator, frequency: Tensor) -> Tensor:
    zero = torch.zeros(n, 2)
    return noise_fields(n, g, torch.full((n,), 4.0), zero, 2 * 8**frequency)


def draw_cells(latent: Latent, level: float, g: Generator) -> tuple[Tensor, ...]:
    """Draw cells: picture [n, 3, 64, 64], mask [n, 64, 64], plan [n, 2, 16, 16], numbers [n, k]."""
    n = len(latent["radius"])
    turn = _turn(level * uniform(g, n, low=-math.pi, high=math.pi))
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
    colours = latent["colours"] + level * 0.04 * torch.randn(n, 5, 3, generator=g)
    ground, fill, inner, dot, other = (c[..., None, None] for c in colours.unbind(1))
    picture = ground + 0.03 * _clouds(n, g)[:, None]
    crowd_at = uniform(g, n, 3, 2, low=-1.2, high=1.2)
    crowd_at = crowd_at / crowd_at.abs().amax(-1, keepdim=True).clamp_min(0.5) * 1.05
    crowd = radial_level(crowd_at, uniform(g, n, 3, low=0.25, high=0.5), torch.zeros(n, 3, 0, 2))
    crowd = crowd - (torch.arange(3)[None] >= latent["crowd"][:, None]).view(n, 3, 1, 1) * 9.0
    rim = crowd.amax(1, keepdim=True)
    picture = _over(picture, (_cover(rim) * (1 - 0.6 * _cover(rim - 0.18, 12.0)))[:, 0], other)
    granules, chromatin = (_grain(n, g, latent["grain"][:, i])[:, None] for i in (0, 1))
    body_cover, core_cover = _cover(body)[:, 0], _cover(torch.minimum(core, body - 0.02))[:, 0]
    strength = latent["strength"].view(n, 2, 1, 1, 1)
    speck = (3 * granules - 2).sigmoid() * (strength[:, 0] * 4)
    picture = _over(picture, body_cover, fill + speck * (dot - fill))
    picture = _over(picture, core_cover, inner + strength[:, 1] * 0.6 * chromatin)
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
    picture = _over(ground + 0.04 * _clouds(n, g)[:, None], cover, edge)
    picture = _over(picture, inner, fill + 0.1 * _grain(n, g, latent["grain"])[:, None])
    plan = F.interpolate(torch.stack([cover, inner], 1), size=(16, 16), mode="area")
    numbers = [
        F.one_hot(count - 1, 4),
        size[:, None] * 4,
        latent["outline"].flatten(1) * 5,
        latent["grain"][:, None] * 2,
    ]
    numbers += [latent["colours"].flatten(1) * 2]
    return picture, cover, plan, torch.cat([x.float() for x in numbers], 1)


# --- fractals, textures, waves ----------------------------------------------------------------------------------


def sample_fractals(n: int, g: Generator) -> Latent:
    """Iterated function systems of three contractions: maps [n, 3, 2, 3] and two colours [n, 2, 3]."""
    turn = _turn(uniform(g, n * 3, low=-math.pi, high=math.pi)).view(n, 3, 2, 2)
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
    points = torch.einsum("nij,npj->npi", _turn(angle), points) + level * uniform(
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
        _over(ground.expand(n, 3, SIZE, SIZE), cover, ink),
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
    picture = _over(
        _over(low.expand(n, 3, SIZE, SIZE), (2 * soft).clamp_max(1), middle),
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
    x, y = (a[:, 0] for a in _raster(SIZE))
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
    picture = _over(low.expand(n, 3, SIZE, SIZE), cover, high)
    numbers = [F.one_hot(latent["kind"], 4), latent["frequency"][:, None] * 3, latent["hard"][:, None] * 2]
    numbers += [(2 * angle).cos()[:, None], (2 * angle).sin()[:, None], picture.mean((2, 3)) * 4]
    return picture, cover, torch.zeros(n, 2, 16, 16), torch.cat([k.float() for k in numbers], 1)


# --- views ------------------------------------------------------------------------------------------------------

DRAWERS: Mapping[str, tuple[Callable[[int, Generator], Latent], Callable[..., tuple[Tensor, ...]]]] = {
    "strokes": (sample_strokes, draw_strokes),
    "cells": (sample_cells, draw_cells),
    "contours": (sample_contours, draw_contours),
    "fractals": (sample_fractals, draw_fractals),
    "textures": (sample_textures, draw_textures),
    "waves": (sample_waves, draw_waves),
}


def degrade(picture: Tensor, level: float, g: Generator) -> Tensor:
    """Light, loss of resolution and noise as a cheap camera has them: [n, 3, 64, 64] in 0 to 1 -> uint8."""
    n = len(picture)
    gain = (
        1
        + level * uniform(g, n, 1, 1, 1, low=-0.25, high=0.25)
        + level * uniform(g, n, 3, 1, 1, low=-0.06, high=0.06)
    )
    picture = 0.5 + (picture - 0.5) * gain + level * uniform(g, n, 1, 1, 1, low=-0.12, high=0.12)
    order, done = torch.randperm(n, generator=g), picture.clone()
    for size, share in ((8, 0.12), (12, 0.12), (20, 0.12), (32, 0.14)):
        rows, order = order[: int(n * share)], order[int(n * share) :]
        small = F.interpolate(picture[rows], size=(size, size), mode="area")
        done[rows] = F.interpolate(small, size=(SIZE, SIZE), mode="bicubic", align_corners=False)
    noise = level * 0.06 * uniform(g, n, 1, 1, 1).square()
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
        images=degrade(picture, max(level, 0.3), g),
        clean=F.interpolate(picture, size=(GRID, GRID), mode="area").clamp(0, 1),
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
