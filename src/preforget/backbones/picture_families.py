"""Families of picture encoders as a table: a new family is a row.

Tensors are read by the names in the files of a checkpoint, without the model classes of transformers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from preforget.backbones.family import enter
from preforget.backbones.layout import OLDER_NAMES, VIT_BLOCK
from preforget.backbones.picture_family import PictureFamily
from preforget.backbones.rows import BlockRow

E = "embeddings."
MAE_BLOCK = BlockRow(
    "encoder.layer.{}.",
    "layernorm_before",
    ("attention.attention.query", "attention.attention.key", "attention.attention.value"),
    "attention.output.dense",
    "layernorm_after",
    (("intermediate.dense",),),
    ("output.dense",),
)
DINO_BLOCK = replace(
    MAE_BLOCK,
    norm1="norm1",
    norm2="norm2",
    fc1=(("mlp.fc1",), ("mlp.weights_in",)),
    fc2=("mlp.fc2", "mlp.weights_out"),
    gates=(False, True),
    scales=("layer_scale1.lambda1", "layer_scale2.lambda1"),
)
DINO3_BLOCK = replace(
    DINO_BLOCK,
    layers="layer.{}.",
    qkv=("attention.q_proj", "attention.k_proj", "attention.v_proj"),
    out="attention.o_proj",
    fc1=(("mlp.gate_proj", "mlp.up_proj"), ("mlp.up_proj",)),
    fc2=("mlp.down_proj", "mlp.down_proj"),
    gates=(True, False),
)
CLIP_BLOCK = BlockRow(
    "encoder.layers.{}.",
    "layer_norm1",
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attn.out_proj",
    "layer_norm2",
    (("mlp.fc1",),),
    ("mlp.fc2",),
)
MAE = PictureFamily(
    library="ViTMAEModel",
    block=MAE_BLOCK,
    known=f"{E}patch_embeddings.projection.weight",
    norm="layernorm",
    cls=(f"{E}cls_token",),
    positions=f"{E}position_embeddings",
    bases=("", "vit."),
)
VIT = replace(
    MAE,
    library="ViTModel",
    block=VIT_BLOCK,
    older=OLDER_NAMES,
    needed=(*VIT_BLOCK.tensors(), "layernorm.weight", "layernorm.bias"),
)
DINO = replace(MAE, library="Dinov2Model", block=DINO_BLOCK, bases=("", "dinov2."), eps=1e-6, gate="silu")
CLIP = PictureFamily(
    library="CLIPVisionModel",
    block=CLIP_BLOCK,
    known=f"{E}patch_embedding.weight",
    norm="post_layernorm",
    cls=(f"{E}class_embedding",),
    positions=f"{E}position_embedding.weight",
    before="pre_layrnorm",
    bases=("", "vision_model."),
    section="vision_config",
    eps=1e-5,
    act="quick_gelu",
    normed=False,
)
SIGLIP = replace(
    CLIP,
    library="SiglipVisionModel",
    cls=(),
    before=None,
    eps=1e-6,
    act="gelu_pytorch_tanh",
    normed=True,
)
FAMILIES: Mapping[str, PictureFamily] = {
    "vit": VIT,
    "deit": replace(
        VIT,
        library="DeiTModel",
        bases=("", "deit."),
        cls=(f"{E}cls_token", f"{E}distillation_token"),
    ),
    "vit_mae": MAE,
    "ijepa": replace(MAE, library="IJepaModel", cls=(), bases=("", "ijepa.")),
    "dinov2": DINO,
    "dinov2_with_registers": replace(
        DINO,
        library="Dinov2WithRegistersModel",
        registers=f"{E}register_tokens",
        bases=("", "dinov2_with_registers."),
        antialias=True,
    ),
    "dinov3_vit": replace(
        DINO,
        library="DINOv3ViTModel",
        block=DINO3_BLOCK,
        known=f"{E}patch_embeddings.weight",
        norm="norm",
        positions=None,
        registers=f"{E}register_tokens",
        bases=("", "model.", "dinov3_vit."),
        heads=6,
        eps=1e-5,
        rope=True,
        gate=None,
    ),
    "clip": CLIP,
    "clip_vision_model": CLIP,
    "siglip": SIGLIP,
    "siglip_vision_model": SIGLIP,
}
"""By the `model_type` of `config.json`."""

enter(FAMILIES, __name__)
