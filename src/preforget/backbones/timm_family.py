"""Vision transformers of timm by the layout of their files, without timm: `config.json` names an `architecture`.

A name that isn't known to be a plain transformer over patches, and a layer with a tensor that isn't read, are refused:
timm isn't there to compare with.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from preforget.backbones.block import ACTIVATIONS
from preforget.backbones.checkpoint import TIMM
from preforget.backbones.encoder import Encoder, Preprocessing
from preforget.backbones.family import Checkpoint, enter
from preforget.backbones.picture_family import PictureFamily
from preforget.backbones.preprocessing import image_side
from preforget.backbones.processors import IMAGENET, colours
from preforget.backbones.rows import BlockRow
from preforget.backbones.stored import Settings, Stored
from preforget.core.errors import BackboneError
from preforget.data.picture_steps import FILTERS, PictureSteps

PLAIN = re.compile(
    r"(vit_(tiny|xsmall|small|medium|mediumd|base|betwixt|large|huge|giant|giantopt|gigantic|so150m2?|so400m)"
    r"|flexivit_(small|base|large)|deit3?_(tiny|small|medium|base|large|huge))"
    r"(_(distilled|patch\d+|plus|clip|quickgelu|dinov2|reg\d|siglip|gap|map|miil|36x1|\d+))*"
)
"""Names of plain transformers over patches; others turn queries by their places, or have other layers."""

TANH = re.compile(
    r"vit_(so400m_patch16|giantopt_patch16|base_patch32|large_patch16)_siglip(_gap)?_(256|384|512)"
)
EXACT = re.compile(r"vit_large_patch16_siglip(_gap)?_(256|384)")
"""Names of SigLIP's encoders whose function is the tanh form of GELU, but for those that match the second."""

SIXTEEN_HEADS = (1152, 1280, 1408, 1664)
"""Widths of transformers with sixteen heads; others have one for 64 numbers."""

SIXTEEN = re.compile(r"vit_giantopt_|vit_base_patch16_gap_224")
"""Names of others with sixteen heads."""

OURS = {"gelu": "gelu", "gelu_tanh": "gelu_pytorch_tanh", "quick_gelu": "quick_gelu", "silu": "silu"}
"""Functions by timm's names."""


@dataclass(frozen=True, kw_only=True)
class TimmFamily(PictureFamily):
    """Plain vision transformers of timm; `config.json` holds `architecture`, `model_args` and `pretrained_cfg`."""

    def build(self, checkpoint: Checkpoint, image_size: int | None, commit: str | None) -> Encoder:
        """Return the encoder of an opened checkpoint, its settings taken from the name of its architecture."""
        values = checkpoint.settings.values
        name = str(values.get("architecture"))
        given = values.get("model_args")
        given = given if isinstance(given, dict) else {}
        self._refuse_others(checkpoint, name)
        act = str(given.get("act_layer", _function(name)))
        settings: dict[str, Any] = {
            "num_attention_heads": given.get("num_heads", self._heads(checkpoint, name)),
            "num_hidden_layers": checkpoint.stored.count(f"{self.block.layers}{self.block.out}.weight") or 1,
            "hidden_act": OURS.get(act, act) if act in (*OURS, *ACTIVATIONS) else act,
            "layer_norm_eps": 1e-5 if checkpoint.stored.has(f"{self.before}.weight") else 1e-6,
            "pretrained_cfg": values.get("pretrained_cfg", {}),
        }
        opened = replace(checkpoint, settings=Settings(checkpoint.source, settings))
        return super().build(opened, image_size, commit)

    def preprocessing(self, checkpoint: Checkpoint, patch: int, image_size: int | None) -> Preprocessing:
        """Return how timm's evaluation reads pictures: resized beyond the side by `crop_pct`, the middle cut out."""
        values = checkpoint.settings.values["pretrained_cfg"]
        values = values if isinstance(values, dict) else {}
        own = _side(checkpoint.source, values)
        shape = SimpleNamespace(image_size=own, patch_size=patch)
        side = own if image_size == own else image_side(image_size, shape)
        share, name = values.get("crop_pct", 0.875), values.get("interpolation", "bicubic")
        mode = values.get("crop_mode") or "center"
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise _wrong(checkpoint.source, "crop_pct", "a number above 0 and at most 1", share)
        if name not in FILTERS.values():
            raise _wrong(checkpoint.source, "interpolation", f"one of {', '.join(FILTERS.values())}", name)
        if mode not in ("center", "squash"):
            raise _wrong(checkpoint.source, "crop_mode", "center or squash", mode)
        height = math.floor(side / share)
        mean, std = colours(checkpoint.source, values.get("mean"), values.get("std"), *IMAGENET)
        steps = PictureSteps(height, height, mode == "center", side, str(name), even=True)
        return Preprocessing(side, mean, std, steps)

    def before_patches(self, positions: int, cls: int, registers: int) -> int | None:
        """Return how many positions stand before those of patches: of all tokens there, of CLS alone, or none."""
        fits = (cls + registers, cls, 0)
        return next((n for n in fits if math.isqrt(max(0, positions - n)) ** 2 == positions - n), None)

    def has_token(self, stored: Stored, name: str) -> bool:
        """Tell whether a token is there: an encoder may have none."""
        return stored.has(name)

    def _heads(self, checkpoint: Checkpoint, name: str) -> int:
        width = len(checkpoint.stored.get(self.known))
        return 16 if width in SIXTEEN_HEADS or SIXTEEN.match(name) else width // 64

    def _refuse_others(self, checkpoint: Checkpoint, name: str) -> None:
        remedy = (
            "encode the pictures with timm, and learn from the vectors with backbone 'features', or give a "
            "function of yours, see preforget.encoder_from"
        )
        if not PLAIN.fullmatch(name.partition(".")[0]):
            raise BackboneError(
                f"{checkpoint.source!r} is of timm's architecture {name!r}, which isn't known to be a plain "
                f"transformer over patches; {remedy}"
            )
        read = {tensor.removeprefix("blocks.{}.") for tensor in self.block.tensors()}
        read |= {"attn.qkv.bias", *(self.block.scales or ())}
        pattern = re.compile(r"blocks\.\d+\.(.+)")
        inside = (match[1] for tensor in checkpoint.stored.tensors if (match := pattern.fullmatch(tensor)))
        other = next((tensor for tensor in inside if tensor not in read), None)
        if other is not None:
            raise BackboneError(
                f"{checkpoint.source!r}: its layers have tensors {other!r}, which aren't read; {remedy}"
            )


def _function(name: str) -> str:
    if "quickgelu" in name:
        return "quick_gelu"
    return "gelu_tanh" if TANH.match(name) and not EXACT.match(name) else "gelu"


def _side(source: str, values: Mapping[str, Any]) -> int:
    size = values.get("input_size", [3, 224, 224])
    if not isinstance(size, list | tuple) or len(size) != 3 or size[0] != 3 or size[1] != size[2]:
        raise _wrong(source, "input_size", "three channels of a square", size)
    if isinstance(size[1], bool) or not isinstance(size[1], int) or not 1 <= size[1] <= 1 << 14:
        raise _wrong(source, "input_size", "three channels of a square", size)
    return size[1]


def _wrong(source: str, name: str, wanted: str, value: Any) -> BackboneError:
    return BackboneError(f"{source!r}: {name} in pretrained_cfg must be {wanted}, got {value!r}")


FAMILIES: Mapping[str, PictureFamily] = {
    TIMM: TimmFamily(
        library=None,
        block=BlockRow(
            "blocks.{}.",
            "norm1",
            ("attn.qkv",),
            "attn.proj",
            "norm2",
            (("mlp.fc1",),),
            ("mlp.fc2",),
            gates=(None,),
            scales=("ls1.gamma", "ls2.gamma"),
        ),
        known="patch_embed.proj.weight",
        norm="norm",
        cls=("cls_token", "dist_token"),
        positions="pos_embed",
        registers="reg_token",
        before="norm_pre",
        antialias=True,
        gate="silu",
    )
}
"""By what stands for the `model_type` that timm's `config.json` lacks."""

enter(FAMILIES, __name__)
