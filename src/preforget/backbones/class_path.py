"""Class queries beside the frozen image path: each class attends to the image and to itself, never to another class.

With `h_l` the frozen states that enter block `l`,

    z = p_c;  for every block l:  z = z + e_{c,l};  z = z + O_l Attention(Q_l LN z; K_l, V_l of [LN h_l; LN z]);
    z = z + MLP_l LN z;           score_c = sum_l w_{c,l} . mean_T LN z + b_c

`B` images, `S` slots, `T` tokens, `D` width, `H` heads, `N` tokens of an image. Weights are those of `S` slots, the
same for all images, or have a first axis `B` if every image has its own choice of classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones.block import Block
from preforget.backbones.encoder import Encoder

Weights = Mapping[str, Tensor]
Adapt = Callable[[Tensor, Tensor, Tensor], Tensor]
LEVELLED = ("offsets", "row", "query_down", "query_up", "mlp_down", "mlp_up")
"""Weights that a class has once per block: their axis after the slots counts the blocks."""


START_IMAGES = 64


def shapes(levels: int, dim: int, tokens: int, rank: int) -> dict[str, tuple[int, ...]]:
    """Return name and shape of the weights of one class that goes through `levels` blocks of width `dim`."""
    named: dict[str, tuple[int, ...]] = {
        "prompt": (tokens, dim),
        "offsets": (levels, tokens, dim),
        "row": (levels, dim),
        "bias": (),
    }
    if rank:
        for module in ("query", "mlp"):
            named[f"{module}_down"] = (levels, dim, rank)
            named[f"{module}_up"] = (levels, rank, dim)
    return named


def draw(shape: tuple[int, ...], name: str, middle: Tensor, generator: torch.Generator) -> Tensor:
    """Return an untrained weight: prompts near `middle [D]`, the inner side of adapters random, all else zero."""
    if name == "prompt":
        return middle + 0.02 * torch.randn(shape, generator=generator)
    if name.endswith("_down"):
        down: Tensor = torch.randn(shape, generator=generator) * len(middle) ** -0.5
        return down
    return torch.zeros(shape)


def middle(encoder: Encoder, first_block: int) -> Tensor:
    """Return the mean state `[D]` of CLS, see `Encoder.summary`, that enters the first block, of seeded noise."""
    states = encoder.states(encoder.noise(START_IMAGES), slice(first_block, first_block + 1))
    return encoder.summary(states[:, 0]).float().mean(dim=0).cpu()


def score_states(encoder: Encoder, first_block: int, weights: Weights, states: Tensor) -> Tensor:
    """Score cached states `[batch, levels, N, D]` with gradients to `weights`; `float32 [batch, S]`."""
    z = start(weights, len(states), states.dtype)
    total = weights["bias"].expand(len(states), -1)
    for level, block in enumerate(encoder.blocks[first_block:]):
        with torch.no_grad():
            keys, values = side_by_side(*block.key_value(states[:, level]))
        level_weights = at_level(weights, level)
        z = advance(block, z, level_weights, keys, values)
        total = total + read(z, level_weights["row"])
    return total


def start(weights: Weights, batch: int, dtype: torch.dtype) -> Tensor:
    """Return the prompts of `S` slots for `batch` images, `[B, S, T, D]`."""
    return weights["prompt"].to(dtype).expand(batch, *weights["prompt"].shape)


def at_level(weights: Weights, level: int) -> dict[str, Tensor]:
    """Return the weights of `S` slots that belong to one block, `level` blocks after the first."""
    return {name: tensor[:, level] for name, tensor in weights.items() if name in LEVELLED}


def advance(
    block: Block, z: Tensor, weights: Weights, keys: Tensor, values: Tensor, adapt: Adapt | None = None
) -> Tensor:
    """Take class tokens `z [B, S, T, D]` through one block, with the weights `at_level` of that block.

    `keys [B, H, D/H, N]` and `values [B, H, N, D/H]` are those of the image path in this block, see `side_by_side`.
    `adapt(x, A, B)` applies each class's own adapters, `low_rank` by default.
    """
    adapt = adapt or low_rank
    shape = z.shape
    z = z + weights["offsets"].to(z.dtype)
    x = block.norm1(z)
    q, k, v = F.linear(x, block.qkv_weight, block.qkv_bias).chunk(3, dim=-1)
    if "query_down" in weights:
        q = q + adapt(x, weights["query_down"], weights["query_up"])
    q, k, v = (block.split_heads(t.flatten(1, 2)) for t in (q, k, v))
    attended = attend(q, k, v, keys, values, tokens=shape[2], seen=block.seen(values))
    if "mlp_down" not in weights:
        return block.finish(z.flatten(1, 2), attended).view(shape)

    def own(x: Tensor) -> Tensor:
        return adapt(x.view(shape), weights["mlp_down"], weights["mlp_up"]).flatten(1, 2)

    return block.finish(z.flatten(1, 2), attended, own).view(shape)


def low_rank(x: Tensor, down: Tensor, up: Tensor) -> Tensor:
    """Return each class's own `x A_c B_c` for `x [B, S, T, D]`, `A [S, D, r]`, `B [S, r, D]`."""
    batch, slots, tokens, dim = x.shape
    rows = x.transpose(0, 1).reshape(slots, batch * tokens, dim)
    out = (rows @ down.to(x.dtype)) @ up.to(x.dtype)
    return out.view(slots, batch, tokens, dim).transpose(0, 1)


def side_by_side(keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Lay out the image's keys and values `[B, H, N, d]` once for all slot blocks; keys become `[B, H, d, N]`."""
    return keys.transpose(-1, -2).contiguous(), values.contiguous()


def attend(
    q: Tensor, k: Tensor, v: Tensor, keys: Tensor, values: Tensor, tokens: int, seen: Tensor | None = None
) -> Tensor:
    """Attention of class queries `[B, H, S T, d]` over the image and over their class's own tokens.

    `seen`: which tokens of the image are no padding, None for all, see `Block.seen`.
    Computed by hand, since a mask over the tokens of all classes would cost `S` times the work on them.
    """
    batch, heads, rows, width = q.shape
    q = q * width**-0.5
    image = q @ keys
    if seen is not None:
        image = image.masked_fill(~seen, float("-inf"))
    if tokens == 1:
        weights = torch.softmax(torch.cat([image, (q * k).sum(-1, keepdim=True)], dim=-1), dim=-1)
        return weights[..., :-1] @ values + weights[..., -1:] * v
    q, k, v = (t.view(batch, heads, rows // tokens, tokens, width) for t in (q, k, v))
    class_scores = (q @ k.transpose(-1, -2)).view(batch, heads, rows, tokens)
    weights = torch.softmax(torch.cat([image, class_scores], dim=-1), dim=-1)
    on_own = weights[..., -tokens:].reshape(batch, heads, rows // tokens, tokens, tokens) @ v
    return weights[..., :-tokens] @ values + on_own.view(batch, heads, rows, width)


def read(z: Tensor, row: Tensor) -> Tensor:
    """Return `w_{c,l} . mean_T LN z` as `float32 [B, S]` for `z [B, S, T, D]` and rows `[S, D]` or `[B, S, D]`.

    The norm has no weights of its own here: the row learns them.
    """
    mean = F.layer_norm(z.float(), z.shape[-1:]).mean(dim=2)
    return (mean * row).sum(dim=-1)
