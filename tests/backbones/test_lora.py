from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones import Encoder
from preforget.backbones.lora import (
    Lora,
    attend,
    forward_with_lora,
    generator_on,
    low_rank,
    read_with_lora,
    uniform,
)

LORA = Lora()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_adapters(encoder: Encoder, lora: Lora = LORA) -> dict[str, Tensor]:
    shapes = lora.shapes(encoder.depth, encoder.dim)
    generator = seeded(5)
    return {name: 0.3 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def pixels(encoder: Encoder, batch: int = 3) -> Tensor:
    size = encoder.preprocessing.image_size
    return torch.randn(batch, 3, size, size, generator=seeded(1))


def test_low_rank_by_hand() -> None:
    """x = (1, 2), A = (3, 4): 11; B = (1, -1): (11, -11); alpha / r = 2."""
    out = low_rank(
        torch.tensor([[1.0, 2.0]]),
        torch.tensor([[3.0, 4.0]]),
        torch.tensor([[1.0], [-1.0]]),
        Lora(rank=1, alpha=2.0),
    )
    assert out.tolist() == [[22.0, -22.0]]


def test_start_is_the_frozen_encoder(tiny_encoder: Encoder) -> None:
    adapters = LORA.start(tiny_encoder.depth, tiny_encoder.dim, seeded())
    assert {n: tuple(t.shape) for n, t in adapters.items()} == LORA.shapes(3, 32)
    x = pixels(tiny_encoder)
    cls = read_with_lora(tiny_encoder.blocks, tiny_encoder.embed(x), LORA, adapters)
    torch.testing.assert_close(cls, tiny_encoder.states(x, slice(3, 4))[:, 0, 0], rtol=1e-5, atol=1e-5)


def test_start_draws_as_a_linear_layer_does() -> None:
    """Reference: `kaiming_uniform_` with a = sqrt(5), which bounds by 1 / sqrt(fan in)."""
    down = LORA.start(200, 64, seeded())["adapter.query_down"]
    reference = torch.empty(800, 64)
    torch.nn.init.kaiming_uniform_(reference, a=5**0.5, generator=seeded(1))
    assert down.abs().max() <= 1 / 8
    assert reference.abs().max() <= 1 / 8
    assert down.std().item() == pytest.approx(reference.std().item(), rel=0.02)
    assert down.mean().item() == pytest.approx(0, abs=2e-3)


def test_against_weights_merged_into_the_projections(tiny_encoder: Encoder) -> None:
    lora = Lora(rank=4, alpha=6.0)
    adapters = random_adapters(tiny_encoder, lora)
    h = tiny_encoder.embed(pixels(tiny_encoder))
    block = tiny_encoder.blocks[1]
    merged = block.qkv_weight.clone()
    for rows, place in ((slice(0, 32), "query"), (slice(64, 96), "value")):
        up, down = adapters[f"adapter.{place}_up"][1], adapters[f"adapter.{place}_down"][1]
        merged[rows] += 1.5 * up @ down
    expected, _, _ = replace(block, qkv_weight=merged).forward(h)
    torch.testing.assert_close(forward_with_lora(block, h, lora, adapters, 1), expected)


def test_rows_are_a_part_of_the_whole_output(tiny_encoder: Encoder) -> None:
    adapters = random_adapters(tiny_encoder)
    h = tiny_encoder.embed(pixels(tiny_encoder))
    whole = part = h
    for level, block in enumerate(tiny_encoder.blocks):
        part = forward_with_lora(block, whole, LORA, adapters, level, rows=slice(4, 5))
        whole = forward_with_lora(block, whole, LORA, adapters, level)
    torch.testing.assert_close(part[:, 0], whole[:, 4])
    torch.testing.assert_close(read_with_lora(tiny_encoder.blocks, h, LORA, adapters, token=4), whole[:, 4])


def test_dropout_has_the_right_rate_and_mean() -> None:
    """Identity pair: what is dropped is zero, what stays is divided by the share kept."""
    x, eye = torch.ones(100, 64, 8), torch.eye(8)
    out = low_rank(x, eye, eye, Lora(rank=8, alpha=8.0, dropout=0.25), seeded())
    assert out.unique().tolist() == [0.0, pytest.approx(1 / 0.75)]
    assert (out == 0).double().mean().item() == pytest.approx(0.25, abs=0.01)
    assert torch.equal(low_rank(x, eye, eye, Lora(rank=8, alpha=8.0, dropout=0.25)), x)


def test_dropout_comes_from_the_generator_alone(tiny_encoder: Encoder) -> None:
    adapters = random_adapters(tiny_encoder)
    h = tiny_encoder.embed(pixels(tiny_encoder))
    before = torch.random.get_rng_state()
    a, b, c = (
        read_with_lora(tiny_encoder.blocks, h, LORA, adapters, generator=seeded(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_gradients_against_finite_differences(tiny_encoder: Encoder) -> None:
    block = tiny_encoder.blocks[0].to(torch.device("cpu"), torch.float64)
    adapters = {n: t[:1].double().requires_grad_() for n, t in random_adapters(tiny_encoder).items()}
    h = tiny_encoder.embed(pixels(tiny_encoder, 1))[:, :3].double()
    names = list(adapters)

    def output(*tensors: Tensor) -> Tensor:
        return forward_with_lora(block, h, LORA, dict(zip(names, tensors, strict=True)), 0, rows=slice(0, 1))

    assert torch.autograd.gradcheck(output, tuple(adapters.values()), fast_mode=True)


def test_gradients_of_bfloat16_attention_are_those_of_float32() -> None:
    q, k, v = (torch.randn(2, 2, n, 16, generator=seeded(n)).bfloat16() for n in (5, 7, 8))
    k, v = k[:, :, :5], v[:, :, :5]
    mask = torch.zeros(2, 1, 1, 5, dtype=torch.bfloat16)
    mask[0, ..., 1] = torch.finfo(torch.bfloat16).min
    found, expected = (
        torch.autograd.grad(attend(*tensors, to).float().square().sum(), tensors)
        for tensors, to in (
            ([t.clone().requires_grad_() for t in (q, k, v)], mask),
            ([t.float().requires_grad_() for t in (q, k, v)], mask.float()),
        )
    )
    for ours, reference in zip(found, expected, strict=True):
        assert ours.dtype == torch.bfloat16
        torch.testing.assert_close(ours.float(), reference, rtol=0.02, atol=0.02)
    with torch.no_grad():
        assert attend(q, k, v, mask).dtype == torch.bfloat16


def test_generator_on_cpu_is_the_same_one() -> None:
    generator = seeded()
    assert generator_on(torch.device("cpu"), generator) is generator
    assert uniform((2, 3), 4, generator).shape == (2, 3)


@pytest.mark.slow
def test_against_peft(tiny_vit: Path, tiny_encoder: Encoder) -> None:
    """Same pairs in peft's LoRA on a transformers `ViTModel`: same queries, values and output."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's own imports warn
        peft: Any = pytest.importorskip("peft")
        from transformers import ViTModel

        model = ViTModel.from_pretrained(tiny_vit, add_pooling_layer=False).eval()
        config = peft.LoraConfig(
            r=4, lora_alpha=6, lora_dropout=0.1, target_modules=["q_proj", "v_proj"], bias="none"
        )
        adapted = peft.get_peft_model(model, config).eval()
    lora = Lora(rank=4, alpha=6.0)
    adapters = random_adapters(tiny_encoder, lora)
    layers = adapted.base_model.model.layers
    seen: list[dict[str, Tensor]] = [{} for _ in layers]
    with torch.no_grad():
        for level, layer in enumerate(layers):
            for place, name in (("query", "q_proj"), ("value", "v_proj")):
                module = getattr(layer.attention, name)
                module.lora_A["default"].weight.copy_(adapters[f"adapter.{place}_down"][level])
                module.lora_B["default"].weight.copy_(adapters[f"adapter.{place}_up"][level])
                module.register_forward_hook(
                    lambda _, inputs, out, level=level, place=place: seen[level].update(
                        {f"{place} in": inputs[0], place: out}
                    )
                )
        x = pixels(tiny_encoder)
        expected = adapted(pixel_values=x).last_hidden_state[:, 0]
    for level, block in enumerate(tiny_encoder.blocks):
        for place, rows in (("query", slice(0, 32)), ("value", slice(64, 96))):
            h = seen[level][f"{place} in"]
            ours = F.linear(h, block.qkv_weight[rows], block.qkv_bias[rows]) + low_rank(
                h, adapters[f"adapter.{place}_down"][level], adapters[f"adapter.{place}_up"][level], lora
            )
            torch.testing.assert_close(ours, seen[level][place], rtol=1e-5, atol=1e-5)
    cls = tiny_encoder.norm(read_with_lora(tiny_encoder.blocks, tiny_encoder.embed(x), lora, adapters))
    torch.testing.assert_close(cls, expected, rtol=1e-4, atol=1e-5)
