"""For large banks: the full path only for the classes of an input that look best by a cheap score.

The cheap score of a class needs its own record and the frozen CLS state alone, so no class moves another's score;
whether a class is among the best does depend on the others that live.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones import class_path
from preforget.backbones.encoder import Encoder
from preforget.core.errors import UsageError
from preforget.records import PromptBank

ROWS_PER_GROUP = 8


def cheap_scores(cls: Tensor, row: Tensor, bias: Tensor) -> Tensor:
    """Return `float32 [B, S]`: `row [S, D] . LN(cls) + bias` for CLS states `[B, D]` that enter the last block."""
    return F.linear(F.layer_norm(cls.float(), cls.shape[-1:]), row, bias)


def score(
    encoder: Encoder, first_block: int, bank: PromptBank, pixels: Tensor, labels: Sequence[str], size: int
) -> Tensor:
    """Return `float32 [B, capacity]`: full scores of each input's `size` best `labels`, `-inf` elsewhere."""
    walked = list(encoder.walk(pixels))
    slots = torch.tensor(bank.slots(labels), device=pixels.device)
    cheap = cheap_scores(
        encoder.summary(walked[-2][0]), bank.packed["cheap_row"][slots], bank.packed["cheap_bias"][slots]
    )
    chosen = slots[cheap.topk(min(size, len(labels)), dim=1).indices]
    groups = Groups(chosen)
    z = bank.packed["prompt"][chosen].to(encoder.dtype)
    total = bank.packed["bias"][chosen]
    for level, block in enumerate(encoder.blocks[first_block:]):
        _, keys, values = walked[first_block + level]
        weights = class_path.at_level(bank.packed, level)
        weights |= {name: weights[name][chosen] for name in ("offsets", "row")}
        z = class_path.advance(
            block, z, weights, *class_path.side_by_side(keys, values), adapt=groups.low_rank
        )
        total = total + class_path.read(z, weights["row"])
    out = torch.full((len(pixels), bank.capacity), float("-inf"), device=pixels.device)
    return out.scatter(1, chosen, total)


class Groups:
    """Pairs of input and class, `chosen [B, S]`, sorted by class in groups of at most `ROWS_PER_GROUP`.

    Each group needs its class's adapters once; gathering them for every pair would move most of the bank per input.
    """

    def __init__(self, chosen: Tensor) -> None:
        slots, self.order = chosen.flatten().sort(stable=True)
        _, counts = slots.unique_consecutive(return_counts=True)
        start = counts.cumsum(0) - counts
        rank = torch.arange(len(slots), device=slots.device) - start.repeat_interleave(counts)
        first = rank % ROWS_PER_GROUP == 0
        self.group = first.cumsum(0) - 1
        self.row = rank % ROWS_PER_GROUP
        self.slot = slots[first]

    def low_rank(self, x: Tensor, down: Tensor, up: Tensor) -> Tensor:
        """Return each pair's `x A_c B_c` for `x [B, S, T, D]`, `A [capacity, D, r]`, `B [capacity, r, D]`."""
        batch, slots, tokens, dim = x.shape
        padded = x.new_zeros(len(self.slot), ROWS_PER_GROUP, tokens, dim)
        padded[self.group, self.row] = x.reshape(-1, tokens, dim)[self.order]
        inner = padded.flatten(1, 2) @ down[self.slot].to(x.dtype)
        rows = (inner @ up[self.slot].to(x.dtype)).view_as(padded)
        out = x.new_empty(batch * slots, tokens, dim)
        out[self.order] = rows[self.group, self.row]
        return out.view_as(x)


def whole_shortlist(size: int) -> int:
    """Return a valid size of a shortlist, 0 for all classes; raises `UsageError` for another."""
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise UsageError(f"shortlist must be a whole number of classes, 0 for all, got {size!r}")
    return size
