"""A tiny random vision transformer that every room can use, and one thread so that tests don't fight for cores."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from preforget.backbones import Encoder, load_backbone
from preforget.core.registry import extension_modules

torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def own_keyring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A keyring for the whole run, so that nobody's own is touched."""
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("keys") / "keyring"
        patch.setenv("PREFORGET_KEYRING", str(place))
        patch.delenv("PREFORGET_PASSPHRASE", raising=False)
        yield place


@pytest.fixture(autouse=True)
def no_extension_stays() -> Iterator[None]:
    """Fail the test that leaves an entry in a registry: every worker process of later tests would import it."""
    before = extension_modules()
    yield
    if extension_modules() != before:
        gc.collect()  # a registry of the test's own is gone once nothing refers to it
        assert extension_modules() == before


@pytest.fixture(scope="session")
def tiny_vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved `ViTModel`: images of 32 px, patches of 8, width 32, 3 blocks, 2 heads, seeded weights."""
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        image_size=32,
        patch_size=8,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        initializer_range=0.1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ViTModel(config, add_pooling_layer=False)
    folder = tmp_path_factory.mktemp("tiny-vit")
    model.save_pretrained(folder)
    values = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
    (folder / "preprocessor_config.json").write_text(json.dumps(values), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_encoder(tiny_vit: Path) -> Encoder:
    """The tiny transformer as a frozen encoder in float32, on the CPU."""
    return load_backbone(str(tiny_vit), device="cpu", dtype="float32")
