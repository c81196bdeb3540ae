from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from preforget.backbones import Encoder, load_backbone
from preforget.backbones.checked import checked
from preforget.core.errors import BackboneError, UsageError

from .conftest import MEAN, STD, MakeCheckpoint


def load(folder: Path, **options: Any) -> Encoder:
    return load_backbone(str(folder), **{"device": "cpu", "dtype": "float32", **options})


def images(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def reference_pixels(images: np.ndarray, mean: list[float], std: list[float]) -> torch.Tensor:
    scaled = (images.astype(np.float64) / 255 - np.array(mean)) / np.array(std)
    return torch.from_numpy(scaled.transpose(0, 3, 1, 2).astype(np.float32).copy())


def far(a: torch.Tensor, b: torch.Tensor) -> float:
    assert a.shape == b.shape
    return float((a - b).abs().max() / b.abs().max())


def compare(encoder: Encoder, model: Any, size: int, mean: list[float], std: list[float]) -> None:
    pictures = images(3, size)
    with torch.no_grad():
        wanted = model(
            reference_pixels(pictures, mean, std), output_hidden_states=True, interpolate_pos_encoding=True
        )
    assert encoder.tokens == wanted.last_hidden_state.shape[1]
    states = encoder.states(encoder.pixels(pictures), slice(0, None))
    assert states.shape[1] == encoder.depth + 1 == len(wanted.hidden_states)
    for number, hidden in enumerate(wanted.hidden_states[:-1]):
        assert far(states[:, number], hidden) < 1e-5, f"the state that enters block {number}"
    assert far(encoder.norm(states[:, -1]), wanted.last_hidden_state) < 1e-5


@pytest.mark.parametrize("architecture", ["vit", "deit"])
@pytest.mark.parametrize("size", [32, 48, 24])
def test_states_equal_those_of_transformers(
    make_checkpoint: MakeCheckpoint, architecture: str, size: int
) -> None:
    folder, model = make_checkpoint(architecture)
    compare(load(folder, image_size=size), model, size, MEAN, STD)


def test_a_checkpoint_without_biases_of_queries(make_checkpoint: MakeCheckpoint) -> None:
    folder, model = make_checkpoint(qkv_bias=False)
    compare(load(folder), model, 32, MEAN, STD)


def test_a_checkpoint_with_a_head_is_read_without_it(tmp_path: Path) -> None:
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        image_size=16, patch_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    model = ViTForImageClassification(config).eval()
    model.save_pretrained(tmp_path / "whole")
    values = {"image_mean": MEAN, "image_std": STD}
    (tmp_path / "whole" / "preprocessor_config.json").write_text(json.dumps(values), encoding="utf-8")
    compare(load(tmp_path / "whole"), model.vit, 16, MEAN, STD)


def test_its_own_size_mean_and_std(make_checkpoint: MakeCheckpoint) -> None:
    folder, _ = make_checkpoint()
    preprocessing = load(folder).preprocessing
    assert preprocessing.image_size == 32
    assert (list(preprocessing.mean), list(preprocessing.std)) == (MEAN, STD)


def test_the_digest_names_the_weights_and_not_the_place(make_checkpoint: MakeCheckpoint) -> None:
    folder, _ = make_checkpoint()
    first = load(folder).identity
    moved = folder.rename(folder.with_name("moved"))
    second = load(moved, image_size=48).identity
    assert first.digest == second.digest
    assert second.architecture == "vit"
    weights = load_file(moved / "model.safetensors")
    weights["layernorm.bias"][0] += 1e-3
    save_file(weights, moved / "model.safetensors", metadata={"format": "pt"})
    assert load(moved).identity.digest != first.digest


def test_the_id_is_a_place_that_stays_when_one_walks_away(
    make_checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = make_checkpoint()
    monkeypatch.chdir(folder.parent)
    assert load(Path("vit")).identity.id == str(folder)


def test_no_gradient_reaches_the_encoder(make_checkpoint: MakeCheckpoint) -> None:
    folder, _ = make_checkpoint()
    encoder = load(folder)
    tensors = [*vars(encoder.embedding).values(), *vars(encoder.blocks[0]).values(), encoder.norm_weight]
    assert not any(t.requires_grad for t in tensors if isinstance(t, torch.Tensor))


@pytest.mark.parametrize("size", [33, 0, -8, 7])
def test_a_size_that_is_no_multiple_of_the_patch(make_checkpoint: MakeCheckpoint, size: Any) -> None:
    folder, _ = make_checkpoint()
    with pytest.raises(UsageError, match=r"image size .* is not a multiple of the patch size 8"):
        load(folder, image_size=size)


@pytest.mark.parametrize("size", [32.0, "32", True, "wide"])
def test_a_size_that_is_no_whole_number(make_checkpoint: MakeCheckpoint, size: Any) -> None:
    folder, _ = make_checkpoint()
    with pytest.raises(UsageError, match="must be a whole number of pixels"):
        load(folder, image_size=size)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="backbone folder not found"):
        load(tmp_path / "nowhere")


def test_a_folder_without_config(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"no config\.json in"):
        load(tmp_path)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"model_type": 3}', '{"model_type": "unheard-of"}', "\xff"]
)
def test_a_damaged_config(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text, encoding="latin-1")
    with pytest.raises(BackboneError):
        load(tmp_path)


def test_another_architecture(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "swin"}', encoding="utf-8")
    with pytest.raises(BackboneError, match=r"architecture 'swin'; supported are: .*deit, .*vit"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_act": "odd"}, "hidden_act in config.json must be one of gelu"),
        ({"image_size": [32, 48]}, "image_size in config.json must be a whole number"),
        ({"num_attention_heads": 5}, "can't be divided among 5 heads"),
        (
            {"num_hidden_layers": 0},
            "num_hidden_layers in config.json must be a whole number of at least 1, got 0",
        ),
        ({"model_type": None}, "names no model_type"),
    ],
)
def test_a_config_that_is_not_supported(
    make_checkpoint: MakeCheckpoint, change: dict[str, Any], message: str
) -> None:
    folder, _ = make_checkpoint()
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(values | change), encoding="utf-8")
    with pytest.raises(BackboneError, match=message):
        load(folder)


def test_weights_of_another_width(make_checkpoint: MakeCheckpoint) -> None:
    """Widths are those of the tensors; that the settings say another shows when a model is learned."""
    folder, _ = make_checkpoint()
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(values | {"intermediate_size": 41}), encoding="utf-8")
    with pytest.raises(BackboneError, match=r"can't be loaded|lacks"):
        checked(load(folder))


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        ("encoder.layer.1.intermediate.dense.bias", "layers.1.mlp.fc1.bias"),
        ("encoder.layer.2.attention.attention.key.weight", "layers.2.attention.k_proj.weight"),
        ("embeddings.cls_token", "embeddings.cls_token"),
        ("layernorm.weight", "layernorm.weight"),
    ],
)
def test_a_missing_tensor(make_checkpoint: MakeCheckpoint, stored: str, name: str) -> None:
    folder, _ = make_checkpoint()
    weights = load_file(folder / "model.safetensors")
    del weights[stored]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BackboneError, match=f"lacks tensors of its architecture, the first: {name}"):
        load(folder)


@pytest.mark.parametrize("damage", ["cut", "rubbish", "empty", "gone"])
def test_damaged_weights(make_checkpoint: MakeCheckpoint, damage: str) -> None:
    folder, _ = make_checkpoint()
    path = folder / "model.safetensors"
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(
            {"cut": content[: len(content) // 2], "rubbish": os.urandom(500), "empty": b""}[damage]
        )
    with pytest.raises(BackboneError, match=r"weights of .* can't be loaded"):
        load(folder)


def test_no_preprocessor_file(make_checkpoint: MakeCheckpoint) -> None:
    folder, _ = make_checkpoint()
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(BackboneError, match=r"has no preprocessor_config\.json"):
        load(folder)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '"image_mean"',
        "\xff",
        '{"size": {"height": 0, "width": 0}}',
        '{"image_mean": [0, 0], "image_std": [1, 1]}',
        '{"image_mean": 0.5, "image_std": 0.5}',
        '{"image_mean": [0, 0, "x"], "image_std": [1, 1, 1]}',
        '{"image_mean": [0, 0, 0], "image_std": [1, 1, 0]}',
        '{"image_mean": [0, 0, 0], "image_std": [1, 1, NaN]}',
        '{"image_mean": [0, 0, Infinity], "image_std": [1, 1, 1]}',
    ],
)
def test_a_damaged_preprocessor_file(make_checkpoint: MakeCheckpoint, text: str) -> None:
    folder, _ = make_checkpoint()
    (folder / "preprocessor_config.json").write_text(text, encoding="latin-1")
    with pytest.raises(BackboneError, match=r"image_std|image_mean|preprocessor_config\.json"):
        load(folder)


@pytest.mark.real_data
def test_the_tiny_vit_of_imagenet_at_96_pixels(shared: Path) -> None:
    from transformers import ViTModel

    folder = shared / "backbones" / "vit-tiny-patch16-224"
    model = ViTModel.from_pretrained(folder, add_pooling_layer=False).eval()
    compare(load(folder, image_size=96), model, 96, [0.5] * 3, [0.5] * 3)


@pytest.fixture
def shared() -> Path:
    root = os.environ.get("PREFORGET_SHARED")
    if not root:
        pytest.skip("PREFORGET_SHARED is not set: no real checkpoint here")
    return Path(root)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu(make_checkpoint: MakeCheckpoint) -> None:
    folder, _ = make_checkpoint()
    pictures = images(3, 32)
    places = [load(folder, device=name) for name in ("cpu", "cuda")]
    here, there = (e.states(e.pixels(pictures), slice(0, None)).cpu() for e in places)
    assert far(there, here) < 1e-4
