"""Attention over frozen keys and values that also says how much weight it gave in all, so that more can be merged in.

`out = softmax(q k / sqrt(d)) v` and `l = log sum exp(q k / sqrt(d))`. Two such results over different keys make that
over both: `(exp(l1) out1 + exp(l2) out2) / (exp(l1) + exp(l2))`; Dao et al., FlashAttention (arXiv 2205.14135,
section 3.1). On a CPU the library's fused kernel makes both, elsewhere they are computed by hand.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


def attend(q: Tensor, keys: Tensor, values: Tensor, seen: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return `out [B, H, n, d]` and `l [B, H, n]` for `q [B, H, n, d]`, `keys` and `values [B, H, N, d]`.

    `seen`: which keys count, `bool [B, 1, 1, N]`, None for all. `l` is `float32`. Gradients reach `q`, and keys and
    values where these need some.
    """
    learned = torch.is_grad_enabled() and (keys.requires_grad or values.requires_grad)
    if q.device.type != "cpu" or learned:
        return _by_hand(q, keys, values, seen)
    if torch.is_grad_enabled() and q.requires_grad:
        both: tuple[Tensor, Tensor] = _Frozen.apply(q, keys, values, seen)  # type: ignore[no-untyped-call]
        return both
    return _by_kernel(q, keys, values, seen)


def _by_kernel(q: Tensor, keys: Tensor, values: Tensor, seen: Tensor | None) -> tuple[Tensor, Tensor]:
    mask = None if seen is None else _added(seen, q.dtype)
    both: tuple[Tensor, Tensor] = _fused(q, keys, values, attn_mask=mask)
    return both


def _by_hand(q: Tensor, keys: Tensor, values: Tensor, seen: Tensor | None) -> tuple[Tensor, Tensor]:
    logits = _logits(q, keys, seen)
    out: Tensor = torch.softmax(logits, dim=-1).to(q.dtype) @ values
    return out, torch.logsumexp(logits, dim=-1)


def _logits(q: Tensor, keys: Tensor, seen: Tensor | None) -> Tensor:
    logits: Tensor = ((q * q.shape[-1] ** -0.5) @ keys.transpose(-1, -2)).float()
    return logits if seen is None else logits + _added(seen, logits.dtype)


def _added(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what is added to the logits: where nothing is seen, finite numbers give a total that merges as nothing."""
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill(~seen, torch.finfo(dtype).min)


class _Frozen(torch.autograd.Function):
    """The kernel, with gradients to the queries alone: keys and values are frozen."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, keys: Tensor, values: Tensor, seen: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        out, total = _by_kernel(q, keys, values, seen)
        ctx.save_for_backward(q, keys, values, seen, out, total)
        return out, total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, to_out: Tensor, to_total: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient of the queries: `d = P (dP - rowsum(out dOut) + dl)`, then `d k / sqrt(d)`."""
        q, keys, values, seen, out, total = ctx.saved_tensors
        weights = torch.exp(_logits(q, keys, seen) - total.unsqueeze(-1))
        inner = to_out @ values.transpose(-1, -2)
        less = (to_out * out).sum(dim=-1, keepdim=True).float() - to_total.unsqueeze(-1)
        to_logits = (weights * (inner - less)).to(q.dtype)
        return (to_logits @ keys) * q.shape[-1] ** -0.5, None, None, None
