"""Glyphs of one to three pen strokes: splines, polylines, arcs and loops that join and cross."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from procedural_base import GRID, Latent, clouds, enlarge, raster, turn_matrix, uniform


def segment_distance(points: Tensor, size: int) -> Tensor:
    """Distance [n, size, size] from each pixel to the nearest piece of polylines [n, strokes, vertices, 2]."""
    x, y = raster(size)
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
    matrix = turn_matrix(angle)
    matrix = matrix @ torch.stack([torch.ones(n), shear, torch.zeros(n), torch.ones(n)], -1).view(n, 2, 2)
    points = torch.einsum("nij,nskj->nski", matrix * scale[:, None], points) + shift[:, None, None]
    thick = 0.12 + level * uniform(g, n, low=-0.08, high=0.12)
    distance = enlarge(segment_distance(points, GRID)[:, None])[:, 0]
    cover = (uniform(g, n, 1, 1, low=25, high=60) * (thick.view(n, 1, 1) - distance)).sigmoid()
    fresh = (uniform(g, n, 1, 1) < level).float()
    pairs = zip(ink_and_paper(n, g), (latent["ink"], latent["paper"]), strict=True)
    ink, paper = (fresh * new + (1 - fresh) * old for new, old in pairs)
    dirt = level * uniform(g, n, 1, 1, 1).square() * 0.2 * (uniform(g, n, 1, 1, 1) < 0.6)
    ground = paper[..., None] + dirt * clouds(n, g)[:, None]
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
