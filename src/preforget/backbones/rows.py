"""Where a family of encoders keeps what a `Block` is made of: names of tensors in its files, one row per family."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from preforget.backbones.block import Block
from preforget.backbones.checkpoint import other_depth
from preforget.backbones.stored import Stored
from preforget.core.errors import BackboneError

Names = tuple[str, ...]


@dataclass(frozen=True)
class BlockRow:
    """Names of one layer's tensors, without `.weight`; `layers` comes first, with `{}` for the layer's number.

    Args:
        layers: What stands before all names of a layer.
        norm1: The norm of attention; a layer may lack it.
        qkv: The projections to queries, keys and values, or the one that holds all three.
        out: The projection after attention.
        norm2: The norm of the MLP.
        fc1: The MLP's first map, in the forms that members of the family have; two names are gate and the rest.
        fc2: Its last map, one name for each form of the first.
        gates: Which forms of the first map are gated; None: those that are twice as wide as the last map.
        scales: LayerScale after attention and MLP, folded into the maps before.
        post: Whether norms stand after the sums.
    """

    layers: str
    norm1: str
    qkv: Names
    out: str
    norm2: str
    fc1: tuple[Names, ...]
    fc2: Names
    gates: tuple[bool | None, ...] = (False,)
    scales: tuple[str, str] | None = None
    post: bool = False

    def check_depth(self, stored: Stored, depth: int) -> int:
        """Return the depth that a configuration names; raises `BackboneError` if the weights have more layers."""
        layers = stored.count(f"{self.layers}{self.out}.weight")
        if layers > depth:
            raise other_depth(stored.source, depth, layers)
        return depth

    def tensors(self) -> Names:
        """Return the names of all tensors of a layer of the first form but the biases of queries, keys and values."""
        both = (self.norm1, self.out, self.norm2, *self.fc1[0], self.fc2[0])
        ends = [f"{name}.{end}" for name in both for end in ("weight", "bias")]
        return tuple(self.layers + name for name in (*(f"{name}.weight" for name in self.qkv), *ends))

    def block(self, stored: Stored, number: int, heads: int, eps: float, act: str) -> Block:
        """Return one layer; raises `BackboneError` for tensors that are missing or don't fit each other."""
        start = self.layers.format(number)
        forms = [form for form, names in enumerate(self.fc1) if stored.has(f"{start}{names[0]}.weight")]
        form = forms[0] if forms else 0
        qkv, qkv_bias = stored.linear(*(start + name for name in self.qkv))
        out, out_bias = stored.linear(start + self.out)
        fc1, fc1_bias = stored.linear(*(start + name for name in self.fc1[form]))
        fc2, fc2_bias = stored.linear(start + self.fc2[form])
        if self.scales is not None and stored.has(start + self.scales[0]):
            one, two = (stored.get(start + name) for name in self.scales)
            out, out_bias, fc2, fc2_bias = (
                out * one[:, None],
                out_bias * one,
                fc2 * two[:, None],
                fc2_bias * two,
            )
        stated = self.gates[form]
        gated = len(fc1) == 2 * fc2.shape[1] if stated is None else stated
        dim = len(out)
        wanted = {(3 * dim, dim): qkv, (dim, dim): out, (fc2.shape[1] * (1 + gated), dim): fc1}
        if any(tuple(tensor.shape) != shape for shape, tensor in wanted.items()) or len(fc2) != dim:
            raise BackboneError(f"{stored.source!r}: tensors of layer {number} don't fit each other")
        if dim % heads:
            raise BackboneError(f"{stored.source!r}: a width of {dim} can't be divided among {heads} heads")
        norms = (*stored.norm(start + self.norm1), *stored.norm(start + self.norm2))
        return Block(
            *(norms[0], norms[1], qkv, qkv_bias, out, out_bias, norms[2], norms[3]),
            *(fc1, fc1_bias, fc2, fc2_bias, heads, eps, act),
            gated=gated,
            post=self.post,
        )


def put(tensor: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return a tensor on a device in a number format, without gaps in memory."""
    return tensor.detach().to(device, dtype).contiguous()
