"""One transformer block as frozen tensors and pure functions of hidden states, in the forms that encoders have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Function = Callable[[Tensor], Tensor]
Add = Callable[[Tensor, Tensor], Tensor]

ACTIVATIONS: Mapping[str, Function] = {
    "gelu": F.gelu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "silu": F.silu,
    "relu": F.relu,
}
"""By the names of transformers."""


@dataclass(frozen=True)
class Block:
    """Weights of `h + O Attention(LN h)`, then `h + MLP LN h`; `D` is the width, `H` the number of heads.

    Args:
        qkv_weight: `[3D, D]`, the projections to queries, keys and values, stacked in this order.
        norm1_weight: `[D]`, empty where nothing is normed there; so is `norm2_weight`.
        fc1_weight: `[M, D]`; where `gated`, `[2M, D]`, the gate above what it is multiplied with.
        heads: `H`.
        eps: Of both norms.
        act: The MLP's function, one of `ACTIVATIONS`.
        gated: Whether the MLP is `W2 (act(gate x) * up x)`.
        post: Whether norms stand after each sum, as in BERT, and not before attention and MLP.
        padded: Whether inputs differ in length: a state that is all zeros is padding, which nothing attends to.
        rope: Cosines and sines `[n, D/H]` that turn queries and keys of the last `n` tokens; tokens before stay.
        window: How far apart turned tokens may lie to attend to each other; 0: any distance.
        pieces: Of how many pieces of one length an input consists, whose tokens attend only to those of their own;
            where `padded`, a piece is there as a whole or not.
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
    act: str = "gelu"
    gated: bool = False
    post: bool = False
    padded: bool = False
    rope: tuple[Tensor, Tensor] | None = None
    window: int = 0
    pieces: int = 1

    @property
    def dim(self) -> int:
        """The width `D`."""
        return self.out_weight.shape[0]

    def to(self, device: torch.device, dtype: torch.dtype) -> Block:
        """Return the block on another device, in another number format."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        moved: dict[str, Any] = {
            n: t.to(device, dtype).contiguous() for n, t in values.items() if isinstance(t, Tensor)
        }
        if self.rope is not None:
            cos, sin = self.rope
            moved["rope"] = cos.to(device, dtype), sin.to(device, dtype)
        return replace(self, **moved)

    def norm1(self, h: Tensor) -> Tensor:
        """Return what attention reads, same shape: `LN(h)`, or `h` where norms stand after the sums."""
        return h if self.post else self._norm(h, self.norm1_weight, self.norm1_bias)

    def split_heads(self, x: Tensor) -> Tensor:
        """Turn `[batch, tokens, D]` into `[batch, H, tokens, D/H]`."""
        return x.view(*x.shape[:-1], self.heads, -1).transpose(1, 2)

    def join_heads(self, x: Tensor) -> Tensor:
        """Turn `[batch, H, tokens, D/H]` into `[batch, tokens, D]`."""
        return x.transpose(1, 2).flatten(2)

    def query_key_value(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values of hidden states `[batch, tokens, D]`, heads split."""
        q, k, v = F.linear(self.norm1(h), self.qkv_weight, self.qkv_bias).chunk(3, dim=-1)
        k, v = self._of_tokens(h, k, v)
        return self.turned(self.split_heads(q)), self.turned(self.split_heads(k)), self.split_heads(v)

    def key_value(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values of hidden states `[batch, tokens, D]`, heads split; those of padding are zeros."""
        dim = self.dim
        k, v = F.linear(self.norm1(h), self.qkv_weight[dim:], self.qkv_bias[dim:]).chunk(2, dim=-1)
        k, v = self._of_tokens(h, k, v)
        return self.turned(self.split_heads(k)), self.split_heads(v)

    def turned(self, x: Tensor) -> Tensor:
        """Return queries or keys `[batch, H, tokens, D/H]` turned by their positions, where the block does that."""
        if self.rope is None:
            return x
        cos, sin = self.rope
        first = x.shape[-2] - len(cos)
        still, x = x[..., :first, :], x[..., first:, :]
        a, b = x.chunk(2, dim=-1)
        return torch.cat([still, x * cos + torch.cat([-b, a], dim=-1) * sin], dim=-2)

    def finish(self, h: Tensor, attended: Tensor, add: Add | None = None) -> Tensor:
        """Return the block's output from its input and `Attention(...)`, both `[..., D]`, heads side by side.

        `add(h, x)` returns `h` and what is added to what the MLP makes of `x`.
        """
        h = h + F.linear(attended, self.out_weight, self.out_bias)
        if self.post:
            h = self._norm(h, self.norm1_weight, self.norm1_bias)
        x = h if self.post else self._norm(h, self.norm2_weight, self.norm2_bias)
        h = h + self._mlp(x)
        if add is not None:
            h = add(h, x)
        return self._norm(h, self.norm2_weight, self.norm2_bias) if self.post else h

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return output `[batch, tokens, D]` and the keys and values that attention used."""
        q, k, v = self.query_key_value(h)
        if self.pieces > 1:
            apart = (t.unflatten(2, (self.pieces, -1)) for t in (q, k, v))
            attended = F.scaled_dot_product_attention(*apart).flatten(2, 3)
        else:
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask=self.sight(h))
        out = self.finish(h, self.join_heads(attended))
        return (out * tokens_in(h)[..., None] if self.padded else out), k, v

    def sight(self, h: Tensor) -> Tensor | None:
        """Return what each token of `h [batch, n, D]` may attend to, `bool [batch or 1, 1, n, n]`; None for all."""
        seen = tokens_in(h)[:, None, None] if self.padded else None
        if not self.window or self.rope is None:
            return seen
        count = h.shape[1]
        place = torch.arange(count, device=h.device)
        first = count - len(self.rope[0])
        near = (place[:, None] - place).abs() <= self.window
        near = near | (place < first) | (place < first)[:, None]
        return near[None, None] if seen is None else near & seen

    def seen(self, values: Tensor) -> Tensor | None:
        """Return which tokens are no padding, `bool [batch, 1, 1, n]`, from their values `[batch, H, n, D/H]`."""
        return values.any(dim=-1).any(dim=1)[:, None, None] if self.padded else None

    def _norm(self, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.layer_norm(h, (self.dim,), weight, bias, self.eps) if len(weight) else h

    def _mlp(self, x: Tensor) -> Tensor:
        inner, act = F.linear(x, self.fc1_weight, self.fc1_bias), ACTIVATIONS[self.act]
        if self.gated:
            gate, up = inner.chunk(2, dim=-1)
            inner = act(gate) * up
        else:
            inner = act(inner)
        return F.linear(inner, self.fc2_weight, self.fc2_bias)

    def _of_tokens(self, h: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        if not self.padded:
            return k, v
        tokens = tokens_in(h)[..., None]
        return k * tokens, v * tokens


def tokens_in(h: Tensor) -> Tensor:
    """Return which states of `[..., n, D]` are of tokens, `bool [..., n]`: states of padding are all zeros."""
    return h.any(dim=-1)
