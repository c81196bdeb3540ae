"""What is special of a shared adapter: a head without prompts, and prompts that move every score."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from preforget.backbones import Encoder
from preforget.backbones.lora import Lora
from preforget.baselines.lora_head import LORA, LoraHead, LoraHeadConfig
from preforget.core.errors import UsageError
from preforget.data import Split
from preforget.engines.base import Session
from preforget.white_box.open_model import surface_of
from preforget.white_box.shared_adapter import SharedAdapter

from ..audit.conftest import Make, coloured


def test_a_head_without_prompts(tiny_encoder: Encoder, split: Split) -> None:
    head = LoraHead(tiny_encoder, LoraHeadConfig(epochs=1, batch_size=8))
    head.learn(coloured(4), Session())
    weights = {n: t for n, t in head.parameters.items() if n.startswith("adapter.")}
    own = {"row": head.parameters["head.weight"], "bias": head.parameters["head.bias"]}
    surface = SharedAdapter(tiny_encoder, tuple(head.labels), {**weights, **own}, LORA, final_norm=True)
    read, rows = surface.read(split.inputs), torch.arange(len(split))
    np.testing.assert_allclose(surface.logits(read, rows), head.scores(split.inputs), rtol=1e-4, atol=1e-5)
    assert set(surface.live()) == {*weights, "row", "bias"}
    new = surface.start(3, torch.Generator().manual_seed(0))
    assert surface.logits(read, rows, new).shape == (len(split), 4)


def test_another_prompt_moves_all_scores(make: Make, split: Split) -> None:
    surface = surface_of(make("paper", coloured(6)))
    read, rows = surface.read(split.inputs), torch.arange(len(split))
    new = surface.start(1, torch.Generator().manual_seed(0))
    moved = surface.logits(read, rows, new)[:, :3] - surface.logits(read, rows)
    assert moved.abs().max() > 1e-4


@pytest.mark.parametrize("first_block", [0, 1, 2])
def test_an_untrained_adapter_without_prompts_is_the_frozen_encoder(
    tiny_encoder: Encoder, split: Split, monkeypatch: pytest.MonkeyPatch, first_block: int
) -> None:
    """With `B = 0` nothing is added, so the independent reference is the encoder itself, in batches or at once."""
    monkeypatch.setattr("preforget.white_box.shared_adapter.ROWS", 4)
    generator, dim, lora = torch.Generator().manual_seed(0), tiny_encoder.dim, Lora(2, 2.0)
    weights = {
        **lora.start(tiny_encoder.depth - first_block, dim, generator),
        "row": torch.randn(2, dim, generator=generator),
        "bias": torch.randn(2, generator=generator),
    }
    surface = SharedAdapter(tiny_encoder, ("a", "b"), weights, lora, first_block=first_block)
    rows = torch.arange(len(split))
    pixels = surface.pixels(split.inputs, rows)
    states = tiny_encoder.states(pixels, slice(1, tiny_encoder.depth + 1))[:, :, 0]
    for found, expected in zip(surface.features(split.inputs), states.transpose(0, 1), strict=True):
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)
    expected = states[:, -1] @ weights["row"].T + weights["bias"]
    torch.testing.assert_close(
        surface.logits(surface.read(split.inputs), rows), expected, rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(surface.open(pixels), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("first_block", [0, 2])
def test_rows_read_the_last_feature_where_prompts_are_in_the_sequence(
    tiny_encoder: Encoder, split: Split, first_block: int
) -> None:
    generator, lora = torch.Generator().manual_seed(0), Lora(2, 2.0)
    shapes = lora.shapes(tiny_encoder.depth - first_block, tiny_encoder.dim)
    shapes |= {"prompt": (2, 3, tiny_encoder.dim), "row": (2, tiny_encoder.dim), "bias": (2,)}
    weights = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    surface = SharedAdapter(tiny_encoder, ("a", "b"), weights, lora, first_block=first_block)
    rows = torch.arange(len(split))
    last = torch.from_numpy(surface.features(split.inputs)[-1])
    expected = last @ weights["row"].T + weights["bias"]
    torch.testing.assert_close(
        surface.logits(surface.read(split.inputs), rows), expected, rtol=1e-3, atol=1e-3
    )
    torch.testing.assert_close(
        surface.open(surface.pixels(split.inputs, rows)), expected, rtol=1e-3, atol=1e-3
    )


def test_without_classes_there_is_nothing_to_open(tiny_encoder: Encoder) -> None:
    with pytest.raises(UsageError, match="knows no class"):
        SharedAdapter(tiny_encoder, (), {}, LORA)
