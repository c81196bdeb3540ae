"""What is particular to rows of pictures; each row is compared in `test_family`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from preforget.backbones import Encoder, load_backbone
from preforget.backbones.checked import deviation
from preforget.backbones.picture_families import FAMILIES
from preforget.core.errors import BackboneError

from .row_defaults import of_transformers, stated
from .tiny_families import PICTURES, write_tiny


def load(folder: Path) -> Encoder:
    return load_backbone(str(folder), device="cpu", dtype="float32")


@pytest.mark.parametrize("whole", ["CLIP", "Siglip"])
def test_the_pictures_side_of_a_model_of_two(tmp_path: Path, whole: str) -> None:
    import transformers

    sizes = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 40}
    text = {**sizes, "vocab_size": 20, "max_position_embeddings": 8, "projection_size": 24}
    config = getattr(transformers, f"{whole}Config")(
        vision_config={**sizes, "image_size": 16, "patch_size": 8}, text_config=text
    )
    model = getattr(transformers, f"{whole}Model")(config).eval()
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text("{}", encoding="utf-8")
    encoder = load(tmp_path)
    assert deviation(encoder, model.vision_model, normed=whole == "Siglip") < 2e-6
    assert encoder.preprocessing.image_size == 16


def test_torchs_own_format(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder, model = write_tiny(tmp_path, "dinov2")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    digest = load(folder).identity.digest
    (folder / "model.safetensors").unlink()
    assert load(folder).identity.digest == digest
    assert deviation(load(folder), model) < 2e-6
    tensors = torch.load(folder / "pytorch_model.bin", weights_only=True)
    parts = {f"pytorch_model-{n}.bin": dict(list(tensors.items())[n::2]) for n in range(2)}
    for name, part in parts.items():
        torch.save(part, folder / name)
    listed = {key: name for name, part in parts.items() for key in part}
    (folder / "pytorch_model.bin").unlink()
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": listed}))
    assert load(folder).identity.digest == digest
    (folder / "pytorch_model-1.bin").unlink()
    with pytest.raises(BackboneError, match="missing"):
        load(folder)
    (folder / "pytorch_model.bin").write_bytes(b"no weights")
    with pytest.raises(BackboneError, match="can't be loaded"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_act": "odd"}, "hidden_act in config.json must be one of gelu"),
        ({"num_hidden_layers": 3}, "lacks tensors of its architecture, the first: encoder.layer.2"),
        ({"num_hidden_layers": 1}, "says 1 layers, and its weights have 2"),
        ({"num_attention_heads": 5}, "width of 24 can't be divided among 5 heads"),
        ({"num_attention_heads": True}, "num_attention_heads in config.json must be a whole number"),
        ({"layer_norm_eps": "x"}, "layer_norm_eps in config.json must be a number"),
    ],
)
def test_a_configuration_that_does_not_fit(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    folder, _ = write_tiny(tmp_path, "dinov2")
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | change))
    with pytest.raises(BackboneError, match=message):
        load(folder)


def test_an_unknown_family_names_the_way_by_features(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "swin"}')
    with pytest.raises(
        BackboneError, match=r"architecture 'swin'.*learn from the vectors with backbone 'features'"
    ):
        load(tmp_path)


@pytest.mark.parametrize("name", [name for name in FAMILIES if name in PICTURES])
def test_defaults_are_those_of_transformers(name: str) -> None:
    row = FAMILIES[name]
    assert stated(row) == of_transformers(row, PICTURES[name][0])
