from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from preforget.backbones import load_backbone
from preforget.data import as_split
from preforget.engines.base import Session
from preforget.engines.closed_form_path import frozen_path
from preforget.engines.exact import ExactEngine
from preforget.engines.options import Exact


def test_its_scores_are_those_of_the_engine_and_gradients_reach_the_pixels(rich_vit: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    data = as_split(images, ["a", "b", "c"] * 4)
    engine = ExactEngine(
        load_backbone(str(rich_vit), image_size=16, device="cpu", dtype="float32"), Exact(levels=1)
    )
    engine.learn(data, data, Session())
    path = frozen_path(engine, engine.config, engine.heads)
    assert path.labels == ("a", "b", "c")
    pixels = path.pixels(data.inputs, torch.arange(12)).requires_grad_()
    scores = path.open(pixels)
    np.testing.assert_allclose(scores.detach().numpy(), engine.scores(data.inputs), rtol=1e-4, atol=1e-4)
    scores.sum().backward()
    assert pixels.grad is not None
    assert bool(pixels.grad.abs().any())
