"""The batched class path beside a slow reference: transformers' own layers, one class and one image at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones import class_path

from ..engines.conftest import MakeEngine, pictures


def slow_score(model: Any, states: Any, record: Mapping[str, Tensor], first: int) -> Tensor:
    """Score one image by one class: the class's tokens appended to the image's, in every layer of transformers."""
    z = record["prompt"]
    score = record["bias"]
    for level, layer in enumerate(model.layers[first:]):
        z = z + record["offsets"][level]
        x = layer.layernorm_before(torch.cat([states[first + level][0], z]))
        own = x[-len(z) :]
        q = layer.attention.q_proj(own)
        if "query_down" in record:
            q = q + own @ record["query_down"][level] @ record["query_up"][level]
        k, v = layer.attention.k_proj(x), layer.attention.v_proj(x)
        heads = []
        for part in torch.arange(z.shape[1]).chunk(model.config.num_attention_heads):
            weights = torch.softmax(q[:, part] @ k[:, part].T / math.sqrt(len(part)), dim=-1)
            heads.append(weights @ v[:, part])
        z = z + layer.attention.o_proj(torch.cat(heads, dim=-1))
        x = layer.layernorm_after(z)
        more = x @ record["mlp_down"][level] @ record["mlp_up"][level] if "mlp_down" in record else 0
        z = z + layer.mlp.fc2(F.gelu(layer.mlp.fc1(x))) + more
        score = score + F.layer_norm(z, z.shape[-1:]).mean(dim=0) @ record["row"][level]
    return score


@pytest.mark.parametrize("first_block", [0, 1])
@pytest.mark.parametrize("lora_rank", [0, 2])
@pytest.mark.parametrize("tokens", [1, 3])
def test_scores_equal_the_slow_reference(
    make_engine: MakeEngine, rich_vit: Path, tokens: int, lora_rank: int, first_block: int
) -> None:
    from transformers import ViTModel

    labels = [f"{number:02}" for number in range(10)]
    engine = make_engine(labels, tokens_per_class=tokens, lora_rank=lora_rank, first_block=first_block)
    engine.forget("03")
    images = pictures(3)
    scores = engine.scores(images)
    model = ViTModel.from_pretrained(rich_vit, add_pooling_layer=False).eval()
    with torch.no_grad():
        pixels = engine.encoder.pixels(images)
        for row, image in enumerate(pixels):
            states = model(
                image[None], output_hidden_states=True, interpolate_pos_encoding=True
            ).hidden_states
            for column, label in enumerate(engine.bank.labels):
                wanted = slow_score(model, states, engine.bank[label].tensors, first_block)
                assert scores[row, column] == pytest.approx(wanted.item(), rel=1e-4, abs=1e-4)


def test_read_by_hand() -> None:
    z = torch.tensor([[[[1.0, 3.0], [5.0, 1.0]]]])
    row = torch.tensor([[[10.0, 2.0]]])
    assert class_path.read(z, row).tolist() == [[pytest.approx(0.0, abs=1e-3)]]
    assert class_path.read(z[:, :, :1], row).tolist() == [[pytest.approx(-8.0, rel=1e-4)]]


def test_low_rank_by_hand() -> None:
    x = torch.tensor([[[[1.0, 2.0]]], [[[3.0, 4.0]]]])
    y = torch.tensor([[[[0.0, 0.0]]], [[[1.0, 7.0]]]])
    down = torch.tensor([[[1.0], [1.0]], [[0.0], [2.0]]])
    up = torch.tensor([[[1.0, 10.0]], [[0.5, 0.0]]])
    assert class_path.low_rank(y, x, down, up).tolist() == [[[[3.0, 30.0]]], [[[5.0, 7.0]]]]


def test_prompts_start_the_same_for_every_image() -> None:
    prompt = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(0))
    z = class_path.start({"prompt": prompt}, 5, torch.bfloat16)
    assert z.shape == (3, 5, 2, 4)
    assert all(torch.equal(z[:, image], prompt.bfloat16()) for image in range(5))
