"""The shape and the tensors of ViT and DeiT checkpoints, for whoever makes another encoder of them, see `init_ast`."""

from __future__ import annotations

from torch import nn

from preforget.backbones.layout import ImageShape, read_layout, read_shape
from preforget.core.errors import BackboneError

ARCHITECTURES = ("vit", "deit")


def vit_config(source: str, revision: str | None) -> ImageShape:
    """Read and check the configuration of a ViT or DeiT checkpoint; raises `BackboneError`."""
    config = read_shape(ImageShape, source, revision)
    if config.model_type not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise BackboneError(f"{source!r} is of architecture {config.model_type!r}; supported are: {known}")
    if config.hidden_act != "gelu":
        raise BackboneError(f"{source!r} uses the activation {config.hidden_act!r}; supported is gelu")
    if config.num_channels != 3:
        raise BackboneError(f"{source!r} reads images of {config.num_channels} channels; supported are 3")
    return config


def vit_model(source: str, revision: str | None, config: ImageShape) -> nn.Module:
    """Read the weights of a ViT or DeiT checkpoint; raises `BackboneError`."""
    return read_layout(config, source, revision, "DeiTModel" if config.model_type == "deit" else "ViTModel")
