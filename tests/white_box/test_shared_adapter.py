"""What is special of a shared adapter: a head without prompts, and prompts that move every score."""

from __future__ import annotations

import numpy as np
import torch

from preforget.backbones import Encoder
from preforget.baselines.lora_head import LORA, LoraHead, LoraHeadConfig
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
