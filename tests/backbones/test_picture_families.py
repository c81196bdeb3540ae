"""Every row of the table against the library's own model, on random checkpoints of two blocks."""

from __future__ import annotations

import inspect
import json
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from preforget.backbones import Encoder, class_path, load_backbone
from preforget.backbones.checked import REFERENCES, deviation
from preforget.backbones.picture_families import FAMILIES, patch_rope
from preforget.core.errors import BackboneError

from .tiny_families import PICTURES, write_tiny

LAYERS = {
    "Dinov2": "encoder.layer",
    "Dinov2WithRegisters": "encoder.layer",
    "DINOv3ViT": "model.layer",
    "CLIPVision": "encoder.layers",
    "SiglipVision": "encoder.layers",
}
"""Where the library's model has its layers, `layers` elsewhere."""


@pytest.fixture(params=list(PICTURES))
def family(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, Any]:
    folder, model = write_tiny(tmp_path, request.param)
    return request.param, folder, model


def load(folder: Path, size: int | None = None) -> Encoder:
    return load_backbone(str(folder), device="cpu", dtype="float32", image_size=size)


def test_every_row_is_tested() -> None:
    tried = {name.split()[0] for name in PICTURES}
    assert set(FAMILIES) - tried == {"clip", "siglip"}  # the same rows as their vision models, see below


def test_as_the_library_computes(family: tuple[str, Path, Any]) -> None:
    _, folder, model = family
    encoder = load(folder)
    reference = REFERENCES[encoder.identity.architecture]
    for size in (32, 48):  # positions are interpolated as the library does
        assert deviation(load(folder, size), model, normed=reference.normed) < 2e-6
    class_path_is_one_more_token(encoder, attrgetter(LAYERS.get(PICTURES[family[0]][0], "layers"))(model))


@torch.no_grad()
def class_path_is_one_more_token(encoder: Encoder, layers: nn.ModuleList) -> None:
    """A class token goes the way that the library's own layer takes one more token, which no other token sees."""
    inputs = encoder.noise(2)
    z = torch.randn(2, 3, 1, encoder.dim, generator=torch.Generator().manual_seed(0))
    wanted = z[:, :, 0]
    nothing = {"offsets": torch.zeros(3, 1, encoder.dim)}
    walked = zip(encoder.blocks, layers, encoder.walk(inputs), strict=False)
    for block, layer, (h, keys, values) in walked:
        z = class_path.advance(block, z, nothing, *class_path.side_by_side(keys, values))
        rows = [_first_of(layer, torch.cat([wanted[:, [i]], h], dim=1), block.rope) for i in range(3)]
        wanted = torch.stack(rows, dim=1)
        assert (z[:, :, 0] - wanted).abs().max() < 2e-6 * wanted.abs().max()


def _first_of(layer: nn.Module, tokens: Tensor, rope: tuple[Tensor, Tensor] | None) -> Tensor:
    options: dict[str, Any] = {} if rope is None else {"position_embeddings": rope}
    if "attention_mask" in inspect.signature(layer.forward).parameters:
        options["attention_mask"] = None
    out = layer(tokens, **options)
    return (out[0] if isinstance(out, tuple) else out)[:, 0]


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
    reference = REFERENCES[encoder.identity.architecture]
    assert deviation(encoder, model.vision_model, normed=reference.normed) < 2e-6
    assert encoder.preprocessing.image_size == 16


def test_torchs_own_format(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder, model = write_tiny(tmp_path, "dinov2")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    digest = load(folder).identity.digest
    (folder / "model.safetensors").unlink()
    assert load(folder).identity.digest == digest
    assert deviation(load(folder), model) < 2e-6
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


def test_a_patch_turns_by_its_place() -> None:
    cos, sin = patch_rope(2, 8, 100.0)
    assert cos.shape == sin.shape == (4, 8)
    assert torch.allclose(cos.square() + sin.square(), torch.ones(4, 8))
    assert torch.equal(cos[:, :4], cos[:, 4:])


def test_an_unknown_family_names_the_way_by_features(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "swin"}')
    with pytest.raises(
        BackboneError, match=r"architecture 'swin'.*learn from the vectors with backbone 'features'"
    ):
        load(tmp_path)
