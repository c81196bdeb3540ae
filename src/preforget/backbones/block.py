"""One pre-norm transformer block as frozen tensors and pure functions of hidden states."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Block:
    """Weights of `h + O Attention(LN h)`, then `h + MLP LN h`; `D` is the width, `H` the number of heads.

    `qkv_weight [3D, D]` holds query, key and value projections, stacked in this order.
    """

    norm1_weight: Tensor
    norm1_bias: Tensor
    qkv_weight: Tensor
    qkv_bias: Tensor
    out_weight: Tensor
    out_bias: Tensor
    norm2_weight: Tensor
    norm2_bias: Tensor
    fc1_weight: Tensor
    fc1_bias: Tensor
    fc2_weight: Tensor
    fc2_bias: Tensor
    heads: int
    eps: float

    @property
    def dim(self) -> int:
        """The width `D`."""
        return self.out_weight.shape[0]

    def to(self, device: torch.device, dtype: torch.dtype) -> Block:
        """Return the block on another device, in another number format."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("heads", "eps")}
        moved: dict[str, Any] = {n: t.to(device, dtype).contiguous() for n, t in tensors.items()}
        return replace(self, **moved)

    def norm1(self, h: Tensor) -> Tensor:
        """Return `LN(h)` before attention, same shape."""
        return F.layer_norm(h, (self.dim,), self.norm1_weight, self.norm1_bias, self.eps)

    def split_heads(self, x: Tensor) -> Tensor:
        """Turn `[batch, tokens, D]` into `[batch, H, tokens, D/H]`."""
        return x.view(*x.shape[:-1], self.heads, -1).transpose(1, 2)

    def query_key_value(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values of hidden states `[batch, tokens, D]`, heads split."""
        q, k, v = F.linear(self.norm1(h), self.qkv_weight, self.qkv_bias).chunk(3, dim=-1)
        return self.split_heads(q), self.split_heads(k), self.split_heads(v)

    def key_value(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values of hidden states `[batch, tokens, D]`, heads split."""
        dim = self.dim
        k, v = F.linear(self.norm1(h), self.qkv_weight[dim:], self.qkv_bias[dim:]).chunk(2, dim=-1)
        return self.split_heads(k), self.split_heads(v)

    def finish(self, h: Tensor, attended: Tensor) -> Tensor:
        """Return the block's output from its input and `Attention(...) [batch, H, tokens, D/H]`."""
        h = h + F.linear(attended.transpose(1, 2).flatten(2), self.out_weight, self.out_bias)
        x = F.layer_norm(h, (self.dim,), self.norm2_weight, self.norm2_bias, self.eps)
        x = F.gelu(F.linear(x, self.fc1_weight, self.fc1_bias))
        return h + F.linear(x, self.fc2_weight, self.fc2_bias)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return output `[batch, tokens, D]` and the keys and values that attention used."""
        q, k, v = self.query_key_value(h)
        return self.finish(h, F.scaled_dot_product_attention(q, k, v)), k, v
