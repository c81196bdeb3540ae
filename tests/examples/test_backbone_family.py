"""The backbone family of examples/extensions, as it stands, equals transformers' own model and can be learned on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from .extension import in_new_process, install


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny ViT-MSN with seeded weights: images of 32 px, patches of 8, width 32, 3 blocks."""
    from transformers import ViTMSNConfig, ViTMSNModel

    config = ViTMSNConfig(
        image_size=32,
        patch_size=8,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=40,
        initializer_range=0.1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ViTMSNModel(config)
    folder = tmp_path_factory.mktemp("vit_msn")
    model.save_pretrained(folder)
    values = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(values))
    return folder


def test_as_an_installed_package(tmp_path: Path, checkpoint: Path) -> None:
    site = install(tmp_path / "site", "vit_msn", group="preforget.backbones")
    rng = np.random.default_rng(0)
    for label, level in (("dark", 0), ("light", 150)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(10):
            pixels = rng.integers(level, level + 90, (12, 12), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"{number}.png")
    data, model = str(tmp_path / "data"), str(tmp_path / "model")
    code = f"""
    import preforget as pf, torch
    from preforget.cli.main import main
    from transformers import ViTMSNModel
    theirs = ViTMSNModel.from_pretrained({str(checkpoint)!r})
    for size in (32, 48):
        encoder = pf.load_backbone({str(checkpoint)!r}, image_size=size, device="cpu", dtype="float32")
        x = encoder.noise(3)
        with torch.no_grad():
            wanted = theirs(x, interpolate_pos_encoding=True).last_hidden_state
        torch.testing.assert_close(encoder.norm(encoder.states(x, slice(3, 4))[:, 0]), wanted, atol=1e-5, rtol=1e-4)
    learn = ["learn", {data!r}, "--engine", "exact", "--levels", "2", "--out", {model!r}]
    assert main([*learn, "--backbone", {str(checkpoint)!r}]) == 0
    assert main(["forget", {model!r}, "dark", "--yes"]) == 0
    print(pf.PreForgettableClassifier.from_pretrained({model!r}).classes_)
    """
    assert in_new_process(site, code).splitlines()[-1] == "['light']"
