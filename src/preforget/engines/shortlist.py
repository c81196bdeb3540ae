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
    pairs = chosen.t()  # by rank, then by image, as the class path lays out classes
    z = bank.packed["prompt"][pairs].to(encoder.dtype)
    total = bank.packed["bias"][pairs]

    def adapt(y: Tensor, x: Tensor, down: Tensor, up: Tensor) -> Tensor:
        return of_pairs(y, x, down, up, pairs)

    for number, block in enumerate(encoder.blocks[first_block:]):
        _, keys, values = walked[first_block + number]
        level = {n: bank.packed[n][:, number] for n in class_path.LEVELLED if n in bank.packed}
        level |= {"offsets": level["offsets"][pairs].to(encoder.dtype), "row": level["row"][pairs]}
        z = class_path.advance(block, z, level, keys, values, adapt)
        total = total + class_path.read(z, level["row"])
    out = torch.full((len(pixels), bank.capacity), float("-inf"), device=pixels.device)
    return out.scatter(1, chosen, total.t())


def of_pairs(y: Tensor, x: Tensor, down: Tensor, up: Tensor, pairs: Tensor) -> Tensor:
    """Return `y` and each pair's own `x A_c B_c` for `x` and `y [K, B, T, D]` and classes `pairs [K, B]`.

    `A [capacity, D, r]`, `B [capacity, r, D]`. Every pair is a product of its own, so that its bits depend on no other.
    """
    classes, rows = pairs.flatten(), x.flatten(0, 1)
    inner = torch.bmm(rows, down.index_select(0, classes).to(x.dtype))
    return torch.baddbmm(y.flatten(0, 1), inner, up.index_select(0, classes).to(x.dtype)).view(x.shape)


def whole_shortlist(size: int) -> int:
    """Return a valid size of a shortlist, 0 for all classes; raises `UsageError` for another."""
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise UsageError(f"shortlist must be a whole number of classes, 0 for all, got {size!r}")
    return size
