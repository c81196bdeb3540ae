"""Families of picture encoders as a table: a new family is a row. ViT, DeiT and AST have loaders of their own.

Tensors are read by the names in the files of a checkpoint, without the model classes of transformers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace

import torch
from torch import Tensor

from preforget.backbones.block import ACTIVATIONS
from preforget.backbones.checkpoint import read_settings
from preforget.backbones.encoder import Embedding, Encoder, Identity
from preforget.backbones.families import BACKBONES, Loader
from preforget.backbones.positions import resize_positions
from preforget.backbones.preprocessing import picture_preprocessing
from preforget.backbones.rows import BlockRow, put
from preforget.backbones.stored import Settings, Stored, read_stored
from preforget.core.errors import BackboneError


@dataclass(frozen=True)
class PictureFamily:
    """Where a family keeps what an `Encoder` is made of, and its settings where `config.json` is silent.

    Args:
        library: The class of transformers that computes the same.
        block: The names in a layer.
        patches: The convolution over patches.
        norm: The norm after the last block.
        cls: The CLS token, if there is one.
        positions: The table of positions of CLS and patches, or of patches alone, if there is one.
        registers: Tokens between CLS and patches, without positions.
        before: A norm between the embedding and the first block.
        bases: What may stand before all names in a file.
        section: The part of `config.json` that describes a model of several parts.
        heads: Number of heads.
        eps: Of all norms.
        act: The MLP's function.
        antialias: Whether positions are smoothed where a smaller grid is interpolated.
        rope: Whether patches are turned by their places.
        gate: The function of gated MLPs, where it isn't `act`.
        outputs_normed: Whether the library's output comes after the last norm.
    """

    library: str
    block: BlockRow
    patches: str
    norm: str
    cls: str | None = None
    positions: str | None = None
    registers: str | None = None
    before: str | None = None
    bases: tuple[str, ...] = ("",)
    section: str | None = None
    heads: int = 12
    eps: float = 1e-6
    act: str = "gelu"
    antialias: bool = False
    rope: bool = False
    gate: str | None = None
    outputs_normed: bool = True


E = "embeddings."
VIT_BLOCK = BlockRow(
    "encoder.layer.{}.",
    "layernorm_before",
    ("attention.attention.query", "attention.attention.key", "attention.attention.value"),
    "attention.output.dense",
    "layernorm_after",
    (("intermediate.dense",),),
    ("output.dense",),
)
DINO_BLOCK = replace(
    VIT_BLOCK,
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
VIT = PictureFamily(
    "ViTMAEModel",
    VIT_BLOCK,
    f"{E}patch_embeddings.projection",
    "layernorm",
    cls=f"{E}cls_token",
    positions=f"{E}position_embeddings",
    bases=("", "vit."),
    eps=1e-12,
)
DINO = replace(VIT, library="Dinov2Model", block=DINO_BLOCK, bases=("", "dinov2."), eps=1e-6, gate="silu")
CLIP = PictureFamily(
    "CLIPVisionModel",
    CLIP_BLOCK,
    f"{E}patch_embedding",
    "post_layernorm",
    cls=f"{E}class_embedding",
    positions=f"{E}position_embedding.weight",
    before="pre_layrnorm",
    bases=("", "vision_model."),
    section="vision_config",
    eps=1e-5,
    act="quick_gelu",
    outputs_normed=False,
)
SIGLIP = replace(
    CLIP,
    library="SiglipVisionModel",
    cls=None,
    before=None,
    eps=1e-6,
    act="gelu_pytorch_tanh",
    outputs_normed=True,
)
FAMILIES: Mapping[str, PictureFamily] = {
    "vit_mae": VIT,
    "ijepa": replace(VIT, library="IJepaModel", cls=None, bases=("", "ijepa.")),
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
        patches=f"{E}patch_embeddings",
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


def loader_of(family: PictureFamily) -> Loader:
    """Return what loads the checkpoints of a family, to be entered in `BACKBONES` under a `model_type`."""

    def load(
        source: str,
        *,
        image_size: int | None,
        device: torch.device,
        dtype: torch.dtype,
        revision: str | None = None,
    ) -> Encoder:
        values = read_settings(source, revision)
        section = values.get(family.section, values) if family.section else values
        settings = Settings(source, section if isinstance(section, dict) else {})
        stored = read_stored(source, revision, family.bases, f"{family.patches}.weight")
        model_type = str(values["model_type"])
        encoder = freeze(family, model_type, settings, stored, image_size, revision, device, dtype)
        commit = values.get("_commit_hash") or revision
        return replace(encoder, identity=Identity(source, commit, model_type, stored.digest()))

    return load


def freeze(
    family: PictureFamily,
    model_type: str,
    settings: Settings,
    stored: Stored,
    image_size: int | None,
    revision: str | None,
    device: torch.device,
    dtype: torch.dtype,
) -> Encoder:
    """Return the encoder of a checkpoint's tensors, its identity still to be filled in."""
    kernel = stored.get(f"{family.patches}.weight")
    if kernel.dim() != 4 or kernel.shape[1] != 3 or kernel.shape[2] != kernel.shape[3]:
        raise BackboneError(
            f"{stored.source!r}: patches must be squares of 3 channels, got {tuple(kernel.shape)}"
        )
    dim, patch = len(kernel), kernel.shape[2]
    config = SimpleNamespace(
        model_type=model_type, image_size=settings.whole("image_size", 224), patch_size=patch
    )
    preprocessing = picture_preprocessing(stored.source, revision, config, image_size)
    side = preprocessing.image_size // patch
    heads = settings.whole("num_attention_heads", family.heads)
    eps = settings.number("layer_norm_eps", family.eps)
    act = settings.one_of("hidden_act", family.act, ACTIVATIONS)
    depth = family.block.check_depth(stored, settings.whole("num_hidden_layers", 12))
    blocks = [family.block.block(stored, number, heads, eps, act) for number in range(depth)]
    if family.gate:
        blocks = [replace(block, act=family.gate) if block.gated else block for block in blocks]
    if family.rope:
        rope = patch_rope(side, dim // heads, settings.number("rope_theta", 100.0))
        blocks = [replace(block, rope=rope) for block in blocks]
    prefix, positions = _places(family, stored, dim, side)
    before = stored.norm(family.before) if family.before else None
    embedding = Embedding(
        put(kernel.flatten(1), device, dtype),
        put(stored.zeros(f"{family.patches}.bias", dim), device, dtype),
        put(prefix, device, dtype),
        put(positions, device, dtype),
        patch,
        None if before is None else (put(before[0], device, dtype), put(before[1], device, dtype)),
    )
    weight, bias = stored.norm(family.norm)
    return Encoder(
        embedding,
        tuple(block.to(device, dtype) for block in blocks),
        put(weight if len(weight) else torch.ones(dim), device, dtype),
        put(bias if len(weight) else torch.zeros(dim), device, dtype),
        eps,
        preprocessing,
        Identity(stored.source, None, model_type, ""),
        final_norm=bool(len(weight)),
    )


def _places(family: PictureFamily, stored: Stored, dim: int, side: int) -> tuple[Tensor, Tensor]:
    """Return the tokens before the patches `[K, D]` and the positions of all, `[K + side side, D]`."""
    cls = stored.get(family.cls).reshape(1, dim) if family.cls else torch.zeros(0, dim)
    registers = torch.zeros(0, dim)
    if family.registers and stored.has(family.registers):
        registers = stored.get(family.registers).reshape(-1, dim)
    table = torch.zeros(side * side, dim)
    if family.positions:
        table = stored.get(family.positions).reshape(-1, dim)
    first = len(table) - math.isqrt(len(table)) ** 2 if family.positions else 0
    if first not in (0, len(cls)):
        raise BackboneError(f"{stored.source!r}: {len(table)} positions are those of no square")
    table = resize_positions(table, first, side, antialias=family.antialias) if family.positions else table
    ahead = torch.cat([table[:first], torch.zeros(len(cls) - first + len(registers), dim)])
    return torch.cat([cls, registers]), torch.cat([ahead, table[first:]])


def patch_rope(side: int, width: int, theta: float) -> tuple[Tensor, Tensor]:
    """Return cosines and sines `[side side, width]` of a head's numbers for patches of a square (DINOv3).

    Patches lie between -1 and 1 along both sides, arXiv 2508.10104, section 3.2.
    """
    frequencies = 1 / theta ** torch.arange(0, 1, 4 / width, dtype=torch.float32)
    along = (torch.arange(side, dtype=torch.float32) + 0.5) / side * 2 - 1
    places = torch.stack(torch.meshgrid(along, along, indexing="ij"), dim=-1).flatten(0, 1)
    angles = (2 * math.pi * places[:, :, None] * frequencies).flatten(1).tile(2)
    return angles.cos(), angles.sin()


for _name in FAMILIES:
    BACKBONES.register(_name, module=__name__)(loader_of(FAMILIES[_name]))
