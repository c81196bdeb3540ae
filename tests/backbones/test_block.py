from __future__ import annotations

import math

import pytest
import torch

from preforget.backbones.block import Block

DIM, HEADS = 6, 2


@pytest.fixture
def block() -> Block:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return Block(
        *(draw(DIM), draw(DIM), draw(3 * DIM, DIM), draw(3 * DIM), draw(DIM, DIM), draw(DIM)),
        *(draw(DIM), draw(DIM), draw(8, DIM), draw(8), draw(DIM, 8), draw(DIM)),
        heads=HEADS,
        eps=1e-6,
    )


def norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    centred = x - x.mean()
    return centred / (centred.square().mean() + 1e-6).sqrt() * weight + bias


def slowly(block: Block, h: torch.Tensor) -> torch.Tensor:
    """One image `[N, D]` through the block, token by token and head by head."""
    width = DIM // HEADS
    rows = [block.qkv_weight @ norm(t, block.norm1_weight, block.norm1_bias) + block.qkv_bias for t in h]
    out = []
    for number, token in enumerate(h):
        heads = []
        for head in range(HEADS):
            part = slice(head * width, (head + 1) * width)
            q, ks, vs = (
                rows[number][:DIM][part],
                [r[DIM : 2 * DIM][part] for r in rows],
                [r[2 * DIM :][part] for r in rows],
            )
            odds = [math.exp(float(q @ k) / math.sqrt(width)) for k in ks]
            heads.append(sum(o / sum(odds) * v for o, v in zip(odds, vs, strict=True)))
        token = token + block.out_weight @ torch.cat(heads) + block.out_bias
        x = block.fc1_weight @ norm(token, block.norm2_weight, block.norm2_bias) + block.fc1_bias
        x = torch.stack([v * 0.5 * (1 + math.erf(float(v) / math.sqrt(2))) for v in x])
        out.append(token + block.fc2_weight @ x + block.fc2_bias)
    return torch.stack(out)


def test_forward_is_the_formula(block: Block) -> None:
    h = torch.randn(2, 5, DIM, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    out, keys, values = block.forward(h)
    assert torch.allclose(out, torch.stack([slowly(block, image) for image in h]), atol=1e-10)
    assert keys.shape == values.shape == (2, HEADS, 5, DIM // HEADS)


def test_keys_and_values_alone_are_the_same(block: Block) -> None:
    h = torch.randn(2, 5, DIM, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    _, keys, values = block.forward(h)
    alone = block.key_value(h)
    assert torch.allclose(alone[0], keys)
    assert torch.allclose(alone[1], values)


def test_moving_changes_format_and_nothing_else(block: Block) -> None:
    moved = block.to(torch.device("cpu"), torch.float32)
    assert moved.fc1_weight.dtype == torch.float32
    assert (moved.heads, moved.eps, moved.dim) == (HEADS, 1e-6, DIM)
    assert torch.equal(moved.qkv_weight, block.qkv_weight.float())
