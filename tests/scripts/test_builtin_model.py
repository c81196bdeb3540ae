"""The quick network of the training recipe is the same function as transformers' ViTModel of its export."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch
from transformers import ViTModel

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "src/preforget/backbones/builtin_weights"


@pytest.fixture(scope="module")
def builtin_model() -> ModuleType:
    spec = importlib.util.spec_from_file_location("builtin_model", ROOT / "scripts/builtin_model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load(folder: Path) -> ViTModel:
    model, info = ViTModel.from_pretrained(
        folder, add_pooling_layer=False, dtype=torch.float32, output_loading_info=True
    )
    assert not any(info.values()), info
    return model.eval()


def test_an_export_computes_what_the_trained_network_computes(builtin_model, tmp_path: Path) -> None:
    net = builtin_model.Vit(torch.Generator().manual_seed(0))
    builtin_model.export(net.state_dict(), tmp_path)
    images = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    with torch.inference_mode():
        ours = net(images)
        theirs = load(tmp_path)(images / 127.5 - 1).last_hidden_state
    assert ours.shape == (2, 65, 192)
    assert (ours - theirs).abs().max() < 0.1  # bfloat16 against float32, eight blocks
    assert (ours - theirs).abs().mean() < 0.01


def test_dropping_no_patch_equals_showing_all(builtin_model) -> None:
    net = builtin_model.Vit(torch.Generator().manual_seed(0))
    images = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(net(images), net(images, torch.arange(64)[None]))


def test_the_weights_in_the_package_load_without_a_missing_key() -> None:
    model = load(WEIGHTS)
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert sum(f.stat().st_size for f in WEIGHTS.iterdir()) <= 8_000_000
