"""Small checkpoints in which every tensor is random, so that a bias that is forgotten shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ..engines.conftest import make_engine, rich_vit

__all__ = ["make_engine", "rich_vit"]

SIZES = {
    "image_size": 32,
    "patch_size": 8,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 40,
}
MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]

MakeCheckpoint = Callable[..., tuple[Path, Any]]


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> MakeCheckpoint:
    """Return what saves a random checkpoint of `vit` or `deit` and returns its folder and transformers' model."""

    def make(architecture: str = "vit", **config: Any) -> tuple[Path, Any]:
        import transformers

        kinds = {"vit": ("ViTConfig", "ViTModel"), "deit": ("DeiTConfig", "DeiTModel")}
        config_type, model_type = (getattr(transformers, name) for name in kinds[architecture])
        model = model_type(config_type(**{**SIZES, **config}), add_pooling_layer=False).eval()
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
        folder = tmp_path / architecture
        model.save_pretrained(folder)
        values = {"image_mean": MEAN, "image_std": STD}
        (folder / "preprocessor_config.json").write_text(json.dumps(values), encoding="utf-8")
        return folder, model

    return make
