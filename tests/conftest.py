"""A tiny random vision transformer that every room can use, and one thread so that tests don't fight for cores."""

from __future__ import annotations

import gc
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from preforget.backbones import Encoder, load_backbone
from preforget.core.registry import extension_modules

torch.set_num_threads(1)
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")
os.environ["OMP_NUM_THREADS"] = (
    "1"  # of programs that tests start: more threads than cores wait for each other
)

MEMORY, ROOM = Path("/dev/shm"), 4 * 2**30
"""Where folders of tests lie if it has so many bytes of room: on a disk, writing a model and forgetting take three
times as long. Set PYTEST_DEBUG_TEMPROOT to take another place."""

if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


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
    folder = tmp_path_factory.mktemp("tiny-vit")
    config = {
        "model_type": "vit",
        "image_size": 32,
        "patch_size": 8,
        "hidden_size": 32,
        "num_hidden_layers": 3,
    }
    config |= {
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
    }
    config |= {"num_channels": 3, "qkv_bias": True}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(tiny_weights(), folder / "model.safetensors")
    values = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
    (folder / "preprocessor_config.json").write_text(json.dumps(values), encoding="utf-8")
    return folder


def tiny_weights() -> dict[str, Tensor]:
    """Return what `ViTModel` draws after `torch.manual_seed(0)`, whose import alone would take seconds."""
    shapes = {
        **dict.fromkeys(("attention.attention.query", "attention.attention.key"), (32, 32)),
        **dict.fromkeys(("attention.attention.value", "attention.output.dense"), (32, 32)),
        **{"intermediate.dense": (32, 64), "output.dense": (64, 32)},
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.randn(1, 1, 32)  # drawn when the model is made, and drawn anew below
        patches = torch.nn.Conv2d(3, 32, 8, 8)
        torch.randn(1, 17, 32)
        layers = {
            f"encoder.layer.{i}.{name}": torch.nn.Linear(*shape)
            for i in range(3)
            for name, shape in shapes.items()
        }
        drawn = {"embeddings.patch_embeddings.projection.weight": patches.weight.detach().normal_(0, 0.1)}
        for name, shape in (("position_embeddings", (1, 17, 32)), ("cls_token", (1, 1, 32))):
            drawn[f"embeddings.{name}"] = torch.nn.init.trunc_normal_(torch.empty(shape), std=0.1)
        drawn |= {f"{name}.weight": layer.weight.detach().normal_(0, 0.1) for name, layer in layers.items()}
    norms = [f"encoder.layer.{i}.layernorm_{side}" for i in range(3) for side in ("before", "after")]
    for name in ("layernorm", *norms):
        drawn[f"{name}.weight"] = torch.ones(32)
    biases = {name.removesuffix("weight") + "bias": t for name, t in drawn.items() if name.endswith("weight")}
    return drawn | {name: torch.zeros(len(tensor)) for name, tensor in biases.items()}


@pytest.fixture(scope="session")
def tiny_encoder(tiny_vit: Path) -> Encoder:
    """The tiny transformer as a frozen encoder in float32, on the CPU."""
    return load_backbone(str(tiny_vit), device="cpu", dtype="float32")
