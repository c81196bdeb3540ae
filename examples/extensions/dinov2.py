"""A backbone family of your own: DINOv2 checkpoints of transformers (Oquab et al., arXiv 2304.07193).

DINOv2 is a ViT whose blocks scale what attention and the MLP return, channel by channel (LayerScale). A linear map
comes right before each scale, so the scale is folded into it and `Block` computes the same. To have the family in
every process and on the command line, put this file into a package of yours and name it in its pyproject.toml:

    [project.entry-points."preforget.backbones"]
    dinov2 = "your_package.dinov2"

Then `preforget learn DATA --backbone facebook/dinov2-small --out model` works. In a program of yours `import dinov2`
is enough. The name of the entry is the `model_type` in the checkpoint's `config.json`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from preforget.backbones.block import Block
from preforget.backbones.checkpoint import read_config, read_weights, weights_digest
from preforget.backbones.encoder import Embedding, Encoder, Identity
from preforget.backbones.families import BACKBONES
from preforget.backbones.positions import resize_positions
from preforget.backbones.preprocessing import picture_preprocessing
from preforget.core.errors import BackboneError


@BACKBONES.register("dinov2")
def load_dinov2(
    source: str,
    *,
    image_size: int | None,
    device: torch.device,
    dtype: torch.dtype,
    revision: str | None = None,
) -> Encoder:
    """Load a checkpoint by hub id or folder; raises `BackboneError` for one that a plain block can't compute."""
    from transformers import Dinov2Model

    config = read_config(source, revision)
    if config.use_swiglu_ffn or config.hidden_act != "gelu":
        raise BackboneError(f"{source!r} has gated layers; supported are those with gelu")
    preprocessing = picture_preprocessing(source, revision, config, image_size)
    model: Any = read_weights(Dinov2Model, source, revision)

    def put(tensor: Tensor) -> Tensor:
        return tensor.detach().to(device, dtype).contiguous()

    patches = model.embeddings.patch_embeddings.projection
    positions = model.embeddings.position_embeddings.detach()[0]
    embedding = Embedding(
        patch_weight=put(patches.weight.flatten(1)),
        patch_bias=put(patches.bias),
        prefix=put(model.embeddings.cls_token[0]),
        positions=put(resize_positions(positions, 1, preprocessing.image_size // config.patch_size)),
        patch_size=config.patch_size,
    )
    blocks = tuple(block_of(layer, config).to(device, dtype) for layer in model.encoder.layer)
    commit = getattr(config, "_commit_hash", None) or revision
    return Encoder(
        embedding,
        blocks,
        put(model.layernorm.weight),
        put(model.layernorm.bias),
        config.layer_norm_eps,
        preprocessing,
        Identity(source, commit, config.model_type, weights_digest(model)),
    )


def block_of(layer: Any, config: Any) -> Block:
    """Return one layer of a transformers `Dinov2Model` as a `Block`, its two scales folded into the projections."""
    attention, mlp = layer.attention, layer.mlp
    inputs = (attention.q_proj, attention.k_proj, attention.v_proj)
    zeros = torch.zeros(config.hidden_size)
    scale1, scale2 = layer.layer_scale1.lambda1.detach(), layer.layer_scale2.lambda1.detach()
    return Block(
        norm1_weight=layer.norm1.weight.detach(),
        norm1_bias=layer.norm1.bias.detach(),
        qkv_weight=torch.cat([one.weight.detach() for one in inputs]),
        qkv_bias=torch.cat([zeros if one.bias is None else one.bias.detach() for one in inputs]),
        out_weight=scale1[:, None] * attention.o_proj.weight.detach(),
        out_bias=scale1 * attention.o_proj.bias.detach(),
        norm2_weight=layer.norm2.weight.detach(),
        norm2_bias=layer.norm2.bias.detach(),
        fc1_weight=mlp.fc1.weight.detach(),
        fc1_bias=mlp.fc1.bias.detach(),
        fc2_weight=scale2[:, None] * mlp.fc2.weight.detach(),
        fc2_bias=scale2 * mlp.fc2.bias.detach(),
        heads=config.num_attention_heads,
        eps=config.layer_norm_eps,
    )
