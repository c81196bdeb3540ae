"""ViT and DeiT checkpoints of transformers, by hub id or local path, as frozen encoders."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from preforget.backbones.block import Block
from preforget.backbones.checkpoint import read_config, read_preprocessor, read_weights, weights_digest
from preforget.backbones.encoder import Embedding, Encoder, Identity, Preprocessing
from preforget.core.errors import BackboneError, UsageError

Triple = tuple[float, float, float]
ARCHITECTURES = ("vit", "deit")


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
    size = _checked_size(image_size, config)
    model = vit_model(source, revision, config)
    mean, std = _mean_std(source, revision)
    preprocessing = Preprocessing(size, mean, std)
    found = getattr(config, "_commit_hash", None)
    identity = Identity(source, found or revision, config.model_type, weights_digest(model))
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
        positions=put(_positions(e.position_embeddings.detach()[0], len(prefix), size // config.patch_size)),
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


def _positions(table: Tensor, prefix: int, side: int) -> Tensor:
    """Interpolate positions `[prefix + s s, D]` to a grid of `side` x `side` as transformers does (bicubic)."""
    head, grid = table[:prefix], table[prefix:]
    old = round(len(grid) ** 0.5)
    if old == side:
        return table
    square = grid.reshape(1, old, old, -1).permute(0, 3, 1, 2)
    square = F.interpolate(square, size=(side, side), mode="bicubic", align_corners=False)
    return torch.cat([head, square.permute(0, 2, 3, 1).reshape(side * side, -1)])


def _checked_size(image_size: int | None, config: Any) -> int:
    size, patch = (config.image_size if image_size is None else image_size), config.patch_size
    if isinstance(size, bool) or not isinstance(size, int):
        raise UsageError(f"image size {size!r} is no whole number of pixels")
    if size < patch or size % patch:
        below = max(patch, size // patch * patch)
        raise UsageError(f"image size {size} is not a multiple of the patch size {patch}; try {below}")
    return size


def vit_config(source: str, revision: str | None) -> Any:
    """Read and check the configuration of a ViT or DeiT checkpoint; raises `BackboneError`."""
    config = read_config(source, revision)
    if config.model_type not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise BackboneError(f"{source!r} is of architecture {config.model_type!r}; supported are: {known}")
    if config.hidden_act != "gelu":
        raise BackboneError(f"{source!r} uses the activation {config.hidden_act!r}; supported is gelu")
    if not isinstance(config.image_size, int) or not isinstance(config.patch_size, int):
        raise BackboneError(f"{source!r}: patches and images must be squares, their sizes one number each")
    if config.num_channels != 3:
        raise BackboneError(f"{source!r} reads images of {config.num_channels} channels; supported are 3")
    return config


def vit_model(source: str, revision: str | None, config: Any) -> nn.Module:
    """Read the weights of a ViT or DeiT checkpoint into transformers' own model; raises `BackboneError`."""
    from transformers import DeiTModel, ViTModel

    kind: Any = DeiTModel if config.model_type == "deit" else ViTModel
    return read_weights(kind, source, revision, add_pooling_layer=False)


def _mean_std(source: str, revision: str | None) -> tuple[Triple, Triple]:
    """Read the checkpoint's own normalisation; a checkpoint without a preprocessor file is an error."""
    values = read_preprocessor(source, revision)
    try:
        (r, g, b), (sr, sg, sb) = values["image_mean"], values["image_std"]
        mean, std = (float(r), float(g), float(b)), (float(sr), float(sg), float(sb))
    except (KeyError, TypeError, ValueError):
        raise BackboneError(
            f"preprocessor_config.json of {source!r} lacks image_mean or image_std of three numbers"
        ) from None
    if not all(map(math.isfinite, mean + std)) or min(std) <= 0:
        raise BackboneError(
            f"{source!r}: image_mean must be finite and image_std above zero, got {mean}, {std}"
        )
    return mean, std
