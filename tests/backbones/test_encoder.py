from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from preforget.backbones import Encoder, load_backbone
from preforget.backbones.vectors import vector_encoder
from preforget.core.errors import UsageError


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def test_sizes(tiny_encoder: Encoder) -> None:
    assert (tiny_encoder.dim, tiny_encoder.depth, tiny_encoder.tokens) == (32, 3, 17)
    assert (tiny_encoder.device, tiny_encoder.dtype) == (torch.device("cpu"), torch.float32)


def test_pixels_by_hand(tiny_encoder: Encoder) -> None:
    white_red = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    white_red[0, 0, 1] = [255, 51, 0]
    pixels = tiny_encoder.pixels(white_red)
    assert pixels.shape == (1, 3, 32, 32)
    assert torch.allclose(pixels[0, :, 0, 1], torch.tensor([1.0, -0.6, -1.0]))
    assert torch.allclose(pixels[0, :, 1, 0], torch.full((3,), -1.0))


def test_walk_gives_input_keys_and_values_of_every_block(tiny_encoder: Encoder) -> None:
    pixels = tiny_encoder.pixels(images(2))
    steps = list(tiny_encoder.walk(pixels))
    assert len(steps) == tiny_encoder.depth + 1
    assert torch.equal(steps[0][0], tiny_encoder.embed(pixels))
    for block, (h, keys, values), (out, _, _) in zip(tiny_encoder.blocks, steps, steps[1:], strict=False):
        wanted, wanted_keys, wanted_values = block.forward(h)
        assert torch.equal(out, wanted)
        assert torch.equal(keys, wanted_keys)
        assert torch.equal(values, wanted_values)
    assert steps[-1][1].numel() == steps[-1][2].numel() == 0


def test_states_are_a_slice_of_the_walk(tiny_encoder: Encoder) -> None:
    pixels = tiny_encoder.pixels(images(2))
    whole = torch.stack([h for h, _, _ in tiny_encoder.walk(pixels)], dim=1)
    assert torch.equal(tiny_encoder.states(pixels, slice(1, 3)), whole[:, 1:3])
    assert torch.equal(tiny_encoder.states(pixels, slice(3, 4)), whole[:, 3:])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_image_has_nearly_the_same_states_in_any_batch(tiny_vit: Path, dtype: str) -> None:
    encoder = load_backbone(str(tiny_vit), device="cpu", dtype=dtype)
    pixels = encoder.pixels(images(5))
    whole = encoder.states(pixels, slice(0, None)).float()
    alone = torch.cat([encoder.states(p[None], slice(0, None)) for p in pixels]).float()
    assert (whole - alone).abs().max() <= (1e-5 if dtype == "float32" else 0.1) * whole.abs().max()


def test_norm_works_in_the_format_of_its_input(tiny_encoder: Encoder) -> None:
    h = torch.randn(2, 32, generator=torch.Generator().manual_seed(0))
    assert tiny_encoder.norm(h.double()).dtype == torch.float64
    assert torch.allclose(tiny_encoder.norm(h.double()).float(), tiny_encoder.norm(h), atol=1e-5)


def test_a_description_is_plain_and_whole(tiny_encoder: Encoder) -> None:
    described = tiny_encoder.describe()
    assert json.loads(json.dumps(described)) == described
    assert described["digest"] == tiny_encoder.identity.digest
    assert (described["image_size"], described["dtype"], described["mean"]) == (32, "float32", [0.5] * 3)


def test_how_it_reads_pictures_can_be_changed(tiny_encoder: Encoder) -> None:
    assert tiny_encoder.reading() is tiny_encoder
    other = tiny_encoder.reading("black", 1)
    steps = other.preprocessing.steps
    assert steps is not None
    assert (steps.background, steps.axis, steps.side) == ("black", 1, tiny_encoder.preprocessing.image_size)
    assert other.reading(axis=0).describe()["steps"] == {**other.describe()["steps"], "axis": 0}
    with pytest.raises(UsageError, match="'no colour' is no colour"):
        tiny_encoder.reading("no colour")
    with pytest.raises(UsageError, match="is for images, and the backbone reads vectors"):
        vector_encoder(3).reading("black")


@pytest.mark.parametrize(
    ("tokens", "dim", "of_128", "of_16"),
    [(37, 192, 128, 16), (261, 768, 128, 16), (257, 1536, 64, 8), (1370, 768, 16, 2), (9000, 4096, 1, 1)],
)
def test_large_inputs_are_read_by_fewer(
    tiny_encoder: Encoder, tokens: int, dim: int, of_128: int, of_16: int
) -> None:
    """ViT-Ti at 96 px, DINOv2-B with registers, a giant of 14 pixels, RAD-DINO at 518 px, and one that is larger."""
    embedding = replace(tiny_encoder.embedding, positions=torch.empty(tokens, 1))
    encoder = replace(tiny_encoder, embedding=embedding, norm_weight=torch.empty(dim))
    assert (encoder.at_once(128), encoder.at_once(16)) == (of_128, of_16)
