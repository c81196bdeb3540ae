"""Low-rank adapters on the query and value projections of frozen blocks, as pure functions.

LoRA (arXiv 2106.09685, section 4.1): a frozen projection `W x` becomes `W x + (alpha / r) B A dropout(x)`, with
`A [r, D]` drawn and `B [D, r]` zero at the start. The tensors of all blocks are stacked: `L` adapted blocks,
`D` width, `r` rank, `B` images, `N` tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones.block import Block, tokens_in

Adapters = Mapping[str, Tensor]
ALL = slice(None)


@dataclass(frozen=True)
class Lora:
    """Rank, `alpha` (the product is scaled by `alpha / rank`) and the share of inputs dropped in training."""

    rank: int = 4
    alpha: float = 4.0
    dropout: float = 0.1

    def shapes(self, levels: int, dim: int) -> dict[str, tuple[int, ...]]:
        """Return name and shape of the adapters of `levels` blocks of width `dim`."""
        shapes: dict[str, tuple[int, ...]] = {}
        for projection in ("query", "value"):
            shapes[f"adapter.{projection}_down"] = (levels, self.rank, dim)
            shapes[f"adapter.{projection}_up"] = (levels, dim, self.rank)
        return shapes

    def start(self, levels: int, dim: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Return untrained adapters: `A` Kaiming-uniform, which is within `1 / sqrt(D)`, and `B` zero."""
        return {
            name: torch.zeros(shape) if name.endswith("_up") else uniform(shape, dim, generator)
            for name, shape in self.shapes(levels, dim).items()
        }


def uniform(shape: Sequence[int], fan_in: int, generator: torch.Generator) -> Tensor:
    """Draw from the uniform distribution within `1 / sqrt(fan_in)`, the usual start of a linear layer."""
    drawn = 2 * torch.rand(tuple(shape), generator=generator) - 1
    return drawn / math.sqrt(fan_in)


def generator_on(device: torch.device, generator: torch.Generator) -> torch.Generator:
    """Return `generator` itself for the CPU, else one on `device` that is seeded from it."""
    if device.type == "cpu":
        return generator
    seed = int(torch.randint(2**62, (1,), generator=generator))
    return torch.Generator(device).manual_seed(seed)


def low_rank(
    x: Tensor, down: Tensor, up: Tensor, lora: Lora, generator: torch.Generator | None = None
) -> Tensor:
    """Return `(alpha / r) B A dropout(x)` for `x [..., D]`; nothing is dropped without a generator."""
    scale = lora.alpha / lora.rank
    if generator is not None and lora.dropout:
        x = x * (torch.rand(x.shape, generator=generator, device=x.device) >= lora.dropout)
        scale /= 1 - lora.dropout
    return F.linear(F.linear(x, down.to(x.dtype)), (scale * up).to(x.dtype))


def forward_with_lora(
    block: Block,
    h: Tensor,
    lora: Lora,
    adapters: Adapters,
    level: int,
    *,
    mask: Tensor | None = None,
    generator: torch.Generator | None = None,
    rows: slice = ALL,
) -> Tensor:
    """Return a block's output for the tokens `rows` of `h [B, N, D]`, with the adapters of `level`.

    `mask` is added to the attention logits, broadcast over `[B, H, N, N]`; `generator` draws dropout.
    """
    dim = block.dim
    x = block.norm1(h)
    chosen_states = x[:, rows]
    q = F.linear(chosen_states, block.qkv_weight[:dim], block.qkv_bias[:dim])
    k, v = F.linear(x, block.qkv_weight[dim:], block.qkv_bias[dim:]).chunk(2, dim=-1)
    query_down, query_up = adapters["adapter.query_down"][level], adapters["adapter.query_up"][level]
    value_down, value_up = adapters["adapter.value_down"][level], adapters["adapter.value_up"][level]
    q = q + low_rank(chosen_states, query_down, query_up, lora, generator)
    v = v + low_rank(x, value_down, value_up, lora, generator)
    q, k, v = block.split_heads(q), block.turned(block.split_heads(k)), block.split_heads(v)
    if rows == ALL:  # chosen tokens stand before those that are turned by their positions
        q = block.turned(q)
    seen = block.sight(h)
    if seen is not None:
        hidden = torch.zeros(seen.shape, dtype=q.dtype, device=q.device).masked_fill(~seen, float("-inf"))
        hidden = hidden if hidden.shape[-2] == 1 else hidden[..., rows, :]
        mask = hidden if mask is None else mask + hidden
    out = block.finish(h[:, rows], block.join_heads(attend(q, k, v, mask)))
    return out * tokens_in(h[:, rows])[..., None] if block.padded else out


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Attention of `q [B, H, n, d]` over `k` and `v [B, H, N, d]`, in the number format of `q`.

    On a CPU, gradients of bfloat16 attention take several times longer than those of float32, so it is done there.
    """
    dtype = q.dtype
    if torch.is_grad_enabled() and q.device.type == "cpu" and dtype == torch.bfloat16:
        q, k, v = q.float(), k.float(), v.float()
        mask = None if mask is None else mask.float()
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).to(dtype)


def read_with_lora(
    blocks: Sequence[Block],
    h: Tensor,
    lora: Lora,
    adapters: Adapters,
    *,
    token: int = 0,
    mask: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Take `h [B, N, D]` through all blocks and return one token of the output, `[B, D]`.

    The last block computes only that token.
    """
    for level, block in enumerate(blocks):
        rows = slice(token, token + 1) if level == len(blocks) - 1 else ALL
        h = forward_with_lora(block, h, lora, adapters, level, mask=mask, generator=generator, rows=rows)
    return h[:, 0]
