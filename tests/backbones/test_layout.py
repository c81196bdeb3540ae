"""Our reading of checkpoints beside transformers' own model classes: the same tensors, the same digest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import (
    ASTConfig,
    ASTModel,
    DeiTConfig,
    DeiTModel,
    ViTConfig,
    ViTForImageClassification,
    ViTModel,
)

from preforget.backbones.checkpoint import weights_digest
from preforget.backbones.layout import ImageShape, SpectrogramShape, layout_of, read_layout, read_shape
from preforget.core.errors import BackboneError

SMALL = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 40}
VIT = ViTConfig(image_size=32, patch_size=8, **SMALL)


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (ViTModel(VIT, add_pooling_layer=False), ImageShape),
        (
            ViTModel(
                ViTConfig(image_size=32, patch_size=8, qkv_bias=False, **SMALL), add_pooling_layer=False
            ),
            ImageShape,
        ),
        (DeiTModel(DeiTConfig(image_size=32, patch_size=8, **SMALL), add_pooling_layer=False), ImageShape),
        (ASTModel(ASTConfig(max_length=48, num_mel_bins=32, patch_size=8, **SMALL)), SpectrogramShape),
    ],
    ids=["vit", "vit without biases", "deit", "ast"],
)
def test_the_digest_is_that_of_transformers_own_model(
    model: torch.nn.Module, kind: type, tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path)
    shape = read_shape(kind, str(tmp_path), None)
    layout = read_layout(shape, str(tmp_path), None, type(model).__name__)
    assert set(layout.state_dict()) == set(model.state_dict())
    assert weights_digest(layout) == weights_digest(model)
    assert not any(parameter.requires_grad for parameter in layout.parameters())


def test_a_head_shards_and_half_precision(tmp_path: Path) -> None:
    model = ViTForImageClassification(VIT).half()
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) == 2
    layout = read_layout(read_shape(ImageShape, str(tmp_path), None), str(tmp_path), None, "ViTModel")
    assert weights_digest(layout) == weights_digest(model.vit.float())
    next(tmp_path.glob("model-00002-*.safetensors")).unlink()
    with pytest.raises(BackboneError, match="a file that its index names is missing"):
        read_layout(layout.config, str(tmp_path), None, "ViTModel")  # type: ignore[arg-type]


def test_weights_in_torchs_own_format_are_read_by_transformers(tmp_path: Path) -> None:
    model = ViTModel(VIT, add_pooling_layer=False)
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    layout = read_layout(read_shape(ImageShape, str(tmp_path), None), str(tmp_path), None, "ViTModel")
    assert isinstance(layout, ViTModel)
    for name, tensor in model.state_dict().items():
        assert torch.equal(layout.state_dict()[name], tensor)


def test_defaults_are_those_of_transformers() -> None:
    for kind, config in (
        (ImageShape, ViTConfig()),
        (ImageShape, DeiTConfig()),
        (SpectrogramShape, ASTConfig()),
    ):
        shape = kind(config.model_type)
        for name in set(shape.__dict__) - {"commit"}:
            assert getattr(shape, name) == getattr(config, name), name


def test_tensors_of_another_shape_are_missing_ones() -> None:
    with pytest.raises(
        ValueError, match=r"lacks \d+ tensors of its architecture, the first: embeddings.cls_token"
    ):
        layout_of(
            ImageShape("vit", hidden_size=24, num_hidden_layers=1),
            {"embeddings.cls_token": torch.zeros(1, 1, 9)},
        )


def test_the_builtin_backbone_needs_no_model_class_of_transformers() -> None:
    code = (
        "import sys; from preforget.backbones import load_backbone; "
        "load_backbone(device='cpu'); load_backbone('builtin-audio', device='cpu'); "
        "sys.exit(any(m.split('.')[0] == 'transformers' for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("ours", [False, True])
def test_a_configuration_of_fewer_layers_than_the_weights_have(
    tmp_path: Path, older: bool, ours: bool
) -> None:
    model = ViTModel(VIT, add_pooling_layer=False)
    tensors = model.state_dict()
    if older:
        tensors = {name.replace("layers.", "encoder.layer."): value for name, value in tensors.items()}
    model.config.save_pretrained(tmp_path)
    if ours:
        save_file(
            {name: value.contiguous() for name, value in tensors.items()}, tmp_path / "model.safetensors"
        )
    else:
        torch.save(tensors, tmp_path / "pytorch_model.bin")
    values = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**values, "num_hidden_layers": 1}))
    with pytest.raises(BackboneError, match="says 1 layers, and its weights have 2"):
        read_layout(read_shape(ImageShape, str(tmp_path), None), str(tmp_path), None, "ViTModel")
