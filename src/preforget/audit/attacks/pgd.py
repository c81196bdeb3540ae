"""PGD on the input: a small change that makes a model accept what it shouldn't."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from preforget.audit.attacks.observe import Parts
from preforget.core.seeds import derive_seed
from preforget.data import Split
from preforget.white_box.surface import Surface

BATCH = 32

Accepts = Callable[[Tensor], Tensor]


def pgd(
    aim: Callable[[Tensor], Tensor], x: Tensor, eps: float | Tensor, steps: int, generator: torch.Generator
) -> Tensor:
    """Return inputs within `eps` (L-infinity) of `x [batch, ...]` with a high `aim(inputs) [batch]`.

    `x_0 = x + U(-eps, eps)`, `x_{t+1} = clip(x_t + 2.5 eps / steps sign grad aim(x_t), x - eps, x + eps)`. Pixels may
    leave their range by `eps`, which only helps the attacker. Source: arXiv 1706.06083, section 2.1.
    """
    step = torch.as_tensor(eps).to(x)
    moved = x + step * (2 * torch.rand(x.shape, generator=generator) - 1).to(x)
    for _ in range(steps):
        moved = moved.detach().requires_grad_()
        (slope,) = torch.autograd.grad(aim(moved).sum(), moved)
        moved = moved.detach() + 2.5 * step / steps * slope.sign()
        moved = torch.minimum(torch.maximum(moved, x - step), x + step)
    return moved


def attack_pixels(
    surface: Surface,
    parts: Parts[Split],
    rule: Accepts,
    eps: float | Tensor,
    sizes: tuple[int, int],
    seed: int,
) -> dict[str, float]:
    """Return the shares of forgotten inputs accepted, and of retained inputs answered otherwise."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "jailbreak", "pgd"))
    most, steps = sizes

    @torch.no_grad()
    def plain(pixels: Tensor) -> Tensor:
        return surface.open(pixels).double()

    def moved(pixels: Tensor, aim: Callable[[Tensor], Tensor]) -> Tensor:
        return plain(pgd(lambda p: aim(surface.open(p)), pixels, eps, steps, generator))

    before, after, changed = [], [], []
    for pixels in _pixels(surface, parts.forget_test, most, seed):
        before.append(rule(plain(pixels)))
        hit = rule(moved(pixels, _height))
        if not hit.all():  # a rule may depend on differences of scores alone
            hit[~hit] = rule(moved(pixels[~hit], _certainty))
        after.append(hit)
    values = {"pgd": share_of(after), "pgd_before": share_of(before)}
    if len(surface.labels) > 1:
        for pixels in _pixels(surface, parts.retain_test, most, seed):
            answer = plain(pixels).argmax(dim=1)
            away = partial(_lead, answer=answer[:, None])
            changed.append(moved(pixels, away).argmax(dim=1) != answer)
        values["pgd_control"] = share_of(changed)
    return values


def _height(scores: Tensor) -> Tensor:
    return scores.logsumexp(dim=1)


def _certainty(scores: Tensor) -> Tensor:
    return scores.log_softmax(dim=1).max(dim=1).values


def _lead(scores: Tensor, answer: Tensor) -> Tensor:
    """Return the margin by which another class beats the columns `answer [n, 1]`."""
    others = scores.scatter(1, answer, -torch.inf).max(dim=1).values
    return others - scores.gather(1, answer)[:, 0]


def _pixels(surface: Surface, split: Split, most: int, seed: int) -> Iterator[Tensor]:
    for rows in drawn(len(split), most, seed).split(BATCH):
        yield surface.pixels(split.inputs, rows)


def drawn(count: int, most: int, seed: int) -> Tensor:
    """Return up to `most` of `count` positions in a seeded order."""
    rng = np.random.default_rng(derive_seed(seed, "jailbreak", "rows"))
    return torch.from_numpy(rng.permutation(count)[:most])


def share_of(results: Sequence[Tensor]) -> float:
    """Return the share of true values in batches of them."""
    return float(torch.cat(list(results)).double().mean())
