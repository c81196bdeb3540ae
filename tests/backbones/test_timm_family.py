"""Checkpoints in timm's layout: the weights of transformers' models, rearranged, and what timm has beyond them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from preforget.backbones import Encoder, load_backbone
from preforget.backbones.checked import checked, deviation
from preforget.core.errors import BackboneError

from .tiny_families import write_tiny

Tensors = dict[str, Tensor]
RENAMED = (
    (r"^embeddings\.(cls_token)$", r"\1"),
    (r"^embeddings\.register_tokens$", "reg_token"),
    (r"^embeddings\.distillation_token$", "dist_token"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^encoder\.layer\.(\d+)\.layernorm_before\.", r"blocks.\1.norm1."),
    (r"^encoder\.layer\.(\d+)\.layernorm_after\.", r"blocks.\1.norm2."),
    (r"^encoder\.layer\.(\d+)\.attention\.output\.dense\.", r"blocks.\1.attn.proj."),
    (r"^encoder\.layer\.(\d+)\.intermediate\.dense\.", r"blocks.\1.mlp.fc1."),
    (r"^encoder\.layer\.(\d+)\.output\.dense\.", r"blocks.\1.mlp.fc2."),
    (r"^encoder\.layer\.(\d+)\.layer_scale([12])\.lambda1", r"blocks.\1.ls\2.gamma"),
    (r"^encoder\.layer\.(\d+)\.mlp\.weights_in\.", r"blocks.\1.mlp.fc1."),
    (r"^encoder\.layer\.(\d+)\.mlp\.weights_out\.", r"blocks.\1.mlp.fc2."),
    (r"^encoder\.layer\.(\d+)\.", r"blocks.\1."),
    (r"^layernorm\.", "norm."),
)
CONFIG = {"architecture": "vit_tiny_patch8_32", "model_args": {"num_heads": 3}}
READING = {
    "input_size": [3, 32, 32],
    "mean": [0.4, 0.5, 0.6],
    "std": [0.2, 0.25, 0.3],
    "crop_pct": 0.9,
    "interpolation": "bicubic",
}


def as_timm(tensors: Tensors) -> Tensors:
    """Return the tensors of a model of transformers as timm keeps them."""
    renamed: Tensors = {}
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        part = re.fullmatch(r"encoder\.layer\.(\d+)\.attention\.attention\.(\w+)\.(weight|bias)", name)
        if part:
            parts.setdefault(f"blocks.{part[1]}.attn.qkv.{part[3]}", {})[part[2]] = tensor
            continue
        for pattern, newer in RENAMED:
            name = re.sub(pattern, newer, name)
        renamed[name] = tensor
    whole = {name: torch.cat([own[k] for k in ("query", "key", "value")]) for name, own in parts.items()}
    return renamed | whole


def write(folder: Path, tensors: Tensors, reading: dict[str, Any] = READING, **config: Any) -> Path:
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({**CONFIG, "pretrained_cfg": reading, **config}))
    return folder


def load(folder: Path, size: int | None = None) -> Encoder:
    return load_backbone(str(folder), device="cpu", dtype="float32", image_size=size)


@pytest.mark.parametrize("name", ["vit", "deit", "dinov2", "dinov2 swiglu", "dinov2_with_registers"])
def test_weights_of_transformers_rearranged(tmp_path: Path, name: str) -> None:
    folder, model = write_tiny(tmp_path / "theirs", name)
    model.eval()
    if name == "vit":  # timm's plain transformers have 1e-6
        for module in model.modules():
            if isinstance(module, torch.nn.LayerNorm):
                module.eps = 1e-6
    tensors = as_timm(load_file(folder / "model.safetensors"))
    encoder = load(write(tmp_path / "timm", tensors))
    assert deviation(encoder, model) < 1e-5
    assert encoder.identity.architecture == "timm"
    assert checked(encoder) is encoder  # timm isn't there to compare with


def by_hand(tensors: Tensors, pixels: Tensor, heads: int, *, before: bool, function: Any) -> Tensor:
    """Return the last states as timm's `VisionTransformer.forward_features` says, written down anew."""
    kernel = tensors["patch_embed.proj.weight"]
    x = F.conv2d(pixels, kernel, tensors.get("patch_embed.proj.bias"), stride=kernel.shape[-1])
    x = x.flatten(2).transpose(1, 2)
    ahead = [tensors[name][0] for name in ("cls_token", "reg_token") if name in tensors]
    tokens = torch.cat([part.expand(len(x), -1, -1) for part in ahead], dim=1) if ahead else x[:, :0]
    table = tensors["pos_embed"]
    of_patches_alone = table.shape[1] == x.shape[1]
    x = torch.cat([tokens, x + table if of_patches_alone else x], dim=1)
    x = x if of_patches_alone else x + table
    eps = 1e-5 if before else 1e-6

    def normed(h: Tensor, name: str) -> Tensor:
        return F.layer_norm(h, h.shape[-1:], tensors[f"{name}.weight"], tensors[f"{name}.bias"], eps)

    x = normed(x, "norm_pre") if before else x
    for block in ("blocks.0", "blocks.1"):
        qkv = normed(x, f"{block}.norm1") @ tensors[f"{block}.attn.qkv.weight"].T
        q, k, v = qkv.view(*x.shape[:2], 3, heads, -1).permute(2, 0, 3, 1, 4)
        mixed = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, dim=-1) @ v
        mixed = mixed.transpose(1, 2).flatten(2)
        x = x + F.linear(mixed, tensors[f"{block}.attn.proj.weight"], tensors[f"{block}.attn.proj.bias"])
        inner = F.linear(normed(x, f"{block}.norm2"), tensors[f"{block}.mlp.fc1.weight"])
        x = x + function(inner) @ tensors[f"{block}.mlp.fc2.weight"].T
    return normed(x, "norm")


def drawn(tokens: int, registers: int, *, cls: bool, before: bool) -> Tensors:
    """Return random weights of two blocks of width 24, without the biases that `by_hand` leaves out."""
    generator = torch.Generator().manual_seed(0)
    shapes: dict[str, tuple[int, ...]] = {
        "pos_embed": (1, tokens, 24),
        "patch_embed.proj.weight": (24, 3, 8, 8),
    }
    if cls:
        shapes["cls_token"] = (1, 1, 24)
    if registers:
        shapes["reg_token"] = (1, registers, 24)
    norms = ["norm", *(["norm_pre"] if before else [])]
    for block in ("blocks.0", "blocks.1"):
        norms += [f"{block}.norm1", f"{block}.norm2"]
        shapes |= {f"{block}.attn.qkv.weight": (72, 24), f"{block}.attn.proj.weight": (24, 24)}
        shapes |= {f"{block}.attn.proj.bias": (24,)}
        shapes |= {f"{block}.mlp.fc1.weight": (40, 24), f"{block}.mlp.fc2.weight": (24, 40)}
    shapes |= {f"{norm}.{end}": (24,) for norm in norms for end in ("weight", "bias")}
    return {name: 0.3 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("architecture", "positions", "registers", "cls", "before", "function"),
    [
        ("vit_base_patch8_clip_quickgelu_32", 17, 0, True, True, lambda x: x * torch.sigmoid(1.702 * x)),
        ("vit_so400m_patch16_siglip_256", 16, 0, False, False, lambda x: F.gelu(x, approximate="tanh")),
        ("vit_base_patch8_siglip_224.webli", 16, 0, False, False, F.gelu),
        ("vit_huge_patch8_224", 16 + 3, 2, True, False, F.gelu),  # positions of registers, too
        ("vit_base_patch8_reg2_dinov2", 16, 2, True, False, F.gelu),  # of patches alone
    ],
)
def test_what_timm_has_beyond(
    tmp_path: Path,
    architecture: str,
    positions: int,
    registers: int,
    cls: bool,
    before: bool,
    function: Any,
) -> None:
    tensors = drawn(positions, registers, cls=cls, before=before)
    encoder = load(write(tmp_path / "timm", tensors, architecture=architecture))
    assert encoder.prefix == cls + registers
    pixels = encoder.noise(2)
    states = encoder.states(pixels, slice(encoder.depth, encoder.depth + 1))[:, 0]
    wanted = by_hand(tensors, pixels, 3, before=before, function=function)
    assert (encoder.norm(states) - wanted).abs().max() < 1e-5 * wanted.abs().max()
    assert load(tmp_path / "timm", 48).tokens == 36 + encoder.prefix


@pytest.mark.parametrize(
    ("crop_mode", "shape"), [("center", (37, 50)), ("center", (91, 33)), ("squash", (37, 50))]
)
def test_how_pictures_are_read(tmp_path: Path, crop_mode: str, shape: tuple[int, int]) -> None:
    """Resize to floor(32 / 0.9) = 35, the rest from the middle; a middle between two pixels is the even one."""
    reading = {**READING, "crop_mode": crop_mode}
    encoder = load(write(tmp_path / "timm", drawn(17, 0, cls=True, before=False), reading))
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    file = tmp_path / "picture.png"
    Image.fromarray(pixels).save(file)
    height, width = (35, 35)
    if crop_mode == "center":
        height, width = (35, int(35 * 50 / 37)) if shape == (37, 50) else (int(35 * 91 / 33), 35)
    resized = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))
    top, left = round((height - 32) / 2), round((width - 32) / 2)
    cut = resized[top : top + 32, left : left + 32].astype(np.float64) / 255
    wanted = ((cut - READING["mean"]) / READING["std"]).transpose(2, 0, 1)
    assert np.abs(encoder.read([file], [0])[0].numpy() - wanted).max() < 1e-5
    assert encoder.preprocessing.steps is not None
    assert encoder.preprocessing.steps.as_dict()["even"]


@pytest.mark.parametrize(
    ("config", "reading", "extra", "message"),
    [
        ({"architecture": "swin_tiny_patch4"}, {}, (), r"'swin_tiny_patch4', which isn't known.*'features'"),
        ({"architecture": "vit_small_patch16_rope_224"}, {}, (), "isn't known to be a plain transformer"),
        ({"architecture": "vit_small_patch16_dinov3"}, {}, (), "isn't known to be a plain transformer"),
        ({}, {}, ("blocks.0.attn.q_norm.weight",), r"layers have tensors 'attn.q_norm.weight', which aren't"),
        ({}, {"crop_mode": "border"}, (), "crop_mode in pretrained_cfg must be center or squash"),
        ({}, {"crop_pct": 2}, (), "crop_pct in pretrained_cfg must be a number above 0 and at most 1, got 2"),
        ({}, {"interpolation": "random"}, (), "interpolation in pretrained_cfg must be one of nearest"),
        ({}, {"input_size": [1, 32, 32]}, (), "input_size in pretrained_cfg must be three channels"),
        ({}, {"std": [0, 1, 1]}, (), "image_std above zero"),
        (
            {"model_args": {"num_heads": 3, "act_layer": "odd"}},
            {},
            (),
            "hidden_act in config.json must be one of gelu",
        ),
        ({"model_args": {"num_heads": 5}}, {}, (), "can't be divided among 5 heads"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, config: dict[str, Any], reading: dict[str, Any], extra: tuple[str, ...], message: str
) -> None:
    tensors = drawn(17, 0, cls=True, before=False) | {name: torch.ones(8) for name in extra}
    folder = write(tmp_path / "timm", tensors, {**READING, **reading}, **config)
    with pytest.raises(BackboneError, match=message):
        load(folder)


def test_widths_of_sixteen_heads_and_the_rest(tmp_path: Path) -> None:
    """vit_tiny of 192 numbers has three heads, which no file says."""
    shapes = {name: tensor.shape for name, tensor in drawn(17, 0, cls=True, before=False).items()}
    wide = {
        name: torch.zeros([n * 8 if n in (24, 72) else n for n in shape]) for name, shape in shapes.items()
    }
    for name, heads in (("vit_tiny_patch8_32", 3), ("vit_base_patch16_gap_224", 16)):
        folder = write(tmp_path / "timm", wide, architecture=name, model_args={})
        assert load(folder).blocks[0].heads == heads
