"""Class queries beside the frozen image path: each class attends to the image and to itself, never to another class.

With `h_l` the frozen states that enter block `l`,

    z = p_c;  for every block l:  z = z + e_{c,l};  z = z + O_l Attention(Q_l LN z; K_l, V_l of [LN h_l; LN z]);
    z = z + MLP_l LN z;           score_c = sum_l w_{c,l} . mean_T LN z + b_c

`B` images, `S` slots, `T` tokens, `D` width, `H` heads, `N` tokens of an image. States are laid out by class,
`[S, B, T, D]`: the small matrices of a class then meet all its rows in one product, whatever the number of images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones import image_attention
from preforget.backbones.block import Block
from preforget.backbones.encoder import Encoder

Weights = Mapping[str, Tensor]
Level = dict[str, Tensor]
KeysValues = tuple[Tensor, Tensor]
Adapt = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
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

    def image() -> Iterator[KeysValues]:
        for level, block in enumerate(encoder.blocks[first_block:]):
            with torch.no_grad():
                keys, values = block.key_value(states[:, level])
            yield keys, values

    return score(encoder.blocks[first_block:], weights, image(), len(states), states.dtype)


def score(
    blocks: Sequence[Block], weights: Weights, image: Iterable[KeysValues], batch: int, dtype: torch.dtype
) -> Tensor:
    """Return `float32 [batch, S]`; `image`: keys and values of the image path in each of `blocks`."""
    z, total = start(weights, batch, dtype), weights["bias"].unsqueeze(-1).expand(-1, batch)
    for block, level, (keys, values) in zip(blocks, by_level(weights, dtype), image, strict=True):
        z = advance(block, z, level, keys, values)
        total = total + read(z, level["row"])
    return total.t()


def start(weights: Weights, batch: int, dtype: torch.dtype) -> Tensor:
    """Return the prompts of `S` slots for `batch` images, `[S, B, T, D]`."""
    return weights["prompt"].to(dtype).unsqueeze(1).expand(-1, batch, -1, -1)


def by_level(weights: Weights, dtype: torch.dtype) -> list[Level]:
    """Return the weights of `S` slots that belong to each block, rows in `float32`, all else as it is computed with.

    Offsets become `[S, 1, T, D]` and rows `[S, 1, D]`: the same for all images.
    """
    apart = {name: weights[name].unbind(1) for name in LEVELLED if name in weights}
    count = len(apart["row"])
    levels: list[Level] = [{name: tensors[n] for name, tensors in apart.items()} for n in range(count)]
    for level in levels:
        level.update({name: tensor.to(dtype) for name, tensor in level.items() if name != "row"})
        level["offsets"], level["row"] = level["offsets"].unsqueeze(1), level["row"].unsqueeze(1)
    return levels


def advance(
    block: Block, z: Tensor, level: Level, keys: Tensor, values: Tensor, adapt: Adapt | None = None
) -> Tensor:
    """Take class tokens `z [S, B, T, D]` through one block, with the weights of that block, see `by_level`.

    `keys` and `values [B, H, N, D/H]` are those of the image path in this block. `adapt(y, x, A, B)` adds each class's
    own adapters, `low_rank` by default.
    """
    adapt = adapt or low_rank
    z = z + level["offsets"]
    x = block.norm1(z)
    q, k, v = F.linear(x, block.qkv_weight, block.qkv_bias).split(block.dim, dim=-1)
    if "query_down" in level:
        q = adapt(q, x, level["query_down"], level["query_up"])
    q, k, v = (t.unflatten(-1, (block.heads, -1)) for t in (q, k, v))
    attended = attend(q, k, v, keys, values, seen=block.seen(values)).flatten(-2)
    if "mlp_down" not in level:
        return block.finish(z, attended)
    return block.finish(z, attended, lambda h, x: adapt(h, x, level["mlp_down"], level["mlp_up"]))


def low_rank(y: Tensor, x: Tensor, down: Tensor, up: Tensor) -> Tensor:
    """Return `y` and each class's own `x A_c B_c` for `x` and `y [S, B, T, D]`, `A [S, D, r]`, `B [S, r, D]`."""
    inner = torch.bmm(x.flatten(1, 2), down)
    return torch.baddbmm(y.flatten(1, 2), inner, up).view(x.shape)


def attend(
    q: Tensor, k: Tensor, v: Tensor, keys: Tensor, values: Tensor, seen: Tensor | None = None
) -> Tensor:
    """Attention of class queries `[S, B, T, H, d]` over the image and over their class's own tokens, same shape.

    `seen`: which tokens of the image are no padding, None for all, see `Block.seen`.
    The image's part is computed for all classes at once, and each class's own is merged into it by both sums of
    exponentials: a mask over the tokens of all classes would cost `S` times the work on them.
    """
    slots, batch, tokens, heads, width = q.shape
    rows = q.permute(1, 3, 0, 2, 4).reshape(batch, heads, slots * tokens, width)
    image, weight = image_attention.attend(rows, keys, values, seen)
    image = image.view(batch, heads, slots, tokens, width).permute(2, 0, 3, 1, 4)
    weight = weight.view(batch, heads, slots, tokens).permute(2, 0, 3, 1)
    if tokens == 1:
        own = (q * k).sum(dim=-1).float() * width**-0.5
    else:
        q, k, v = (t.transpose(2, 3) for t in (q, k, v))  # [S, B, H, T, d]
        logits = (q @ k.transpose(-1, -2)).float() * width**-0.5
        v = (torch.softmax(logits, dim=-1).to(v.dtype) @ v).transpose(2, 3)
        own = torch.logsumexp(logits, dim=-1).transpose(2, 3)
    share = torch.sigmoid(weight - own).to(v.dtype).unsqueeze(-1)
    return torch.lerp(v, image, share)


def read(z: Tensor, row: Tensor) -> Tensor:
    """Return `w_{c,l} . mean_T LN z` as `float32 [S, B]` for `z [S, B, T, D]` and rows `[S, 1 or B, D]`.

    The norm has no weights of its own here: the row learns them.
    """
    mean = F.layer_norm(z.float(), z.shape[-1:]).mean(dim=2)
    return (mean * row).sum(dim=-1)
