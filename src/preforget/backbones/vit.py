"""ViT and DeiT checkpoints of transformers, by hub id or local path, as frozen encoders."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from preforget.backbones.block import Block
from preforget.backbones.checkpoint import weights_digest
from preforget.backbones.encoder import Embedding, Encoder, Identity, Preprocessing
from preforget.backbones.families import BACKBONES
from preforget.backbones.layout import ImageShape, read_layout, read_shape
from preforget.backbones.positions import resize_positions
from preforget.backbones.preprocessing import picture_preprocessing
from preforget.core.errors import BackboneError

ARCHITECTURES = ("vit", "deit")


@BACKBONES.register("vit")
@BACKBONES.register("deit")
def load_vit(
    source: str,
    *,
    image_size: int | None,
    device: torch.device,
    dtype: torch.dtype,
    revision: str | None = None,
) -> Encoder:
    """Load a checkpoint by hub id or folder; `image_size` in pixels, a multiple of the patch, or None for its own.

    Raises `BackboneError` for a missing, incomplete or foreign checkpoint, `UsageError` for a bad size.
    """
    config = vit_config(source, revision)
    preprocessing = picture_preprocessing(source, revision, config, image_size)
    model = vit_model(source, revision, config)
    identity = Identity(source, config.commit or revision, config.model_type, weights_digest(model))
    return encoder_from_model(model, preprocessing, identity, device, dtype)


def encoder_from_model(
    model: nn.Module,
    preprocessing: Preprocessing,
    identity: Identity,
    device: torch.device,
    dtype: torch.dtype,
) -> Encoder:
    """Freeze a transformers `ViTModel` or `DeiTModel` into an `Encoder`."""
    config: Any = model.config
    size = preprocessing.image_size

    def put(tensor: Tensor) -> Tensor:
        return tensor.detach().to(device, dtype).contiguous()

    e: Any = model.embeddings
    prefix = [e.cls_token] + ([e.distillation_token] if hasattr(e, "distillation_token") else [])
    projection = e.patch_embeddings.projection
    embedding = Embedding(
        patch_weight=put(projection.weight.flatten(1)),
        patch_bias=put(projection.bias),
        prefix=put(torch.cat(prefix, dim=1)[0]),
        positions=put(
            resize_positions(e.position_embeddings.detach()[0], len(prefix), size // config.patch_size)
        ),
        patch_size=config.patch_size,
    )
    layers: Any = model.layers
    blocks = tuple(block_of(layer, config).to(device, dtype) for layer in layers)
    norm: Any = model.layernorm
    return Encoder(
        embedding, blocks, put(norm.weight), put(norm.bias), config.layer_norm_eps, preprocessing, identity
    )


def block_of(layer: Any, config: Any) -> Block:
    """Return one layer of a transformers `ViTModel`, `DeiTModel` or `ASTModel` as a `Block`."""
    a, mlp = layer.attention, layer.mlp
    parts = (a.q_proj, a.k_proj, a.v_proj)
    zeros = torch.zeros(config.hidden_size)
    biases = [zeros if p.bias is None else p.bias.detach() for p in parts]
    return Block(
        norm1_weight=layer.layernorm_before.weight.detach(),
        norm1_bias=layer.layernorm_before.bias.detach(),
        qkv_weight=torch.cat([p.weight.detach() for p in parts]),
        qkv_bias=torch.cat(biases),
        out_weight=a.o_proj.weight.detach(),
        out_bias=a.o_proj.bias.detach(),
        norm2_weight=layer.layernorm_after.weight.detach(),
        norm2_bias=layer.layernorm_after.bias.detach(),
        fc1_weight=mlp.fc1.weight.detach(),
        fc1_bias=mlp.fc1.bias.detach(),
        fc2_weight=mlp.fc2.weight.detach(),
        fc2_bias=mlp.fc2.bias.detach(),
        heads=config.num_attention_heads,
        eps=config.layer_norm_eps,
    )


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
