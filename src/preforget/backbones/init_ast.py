"""Make an Audio Spectrogram Transformer from a ViT, for users without an audio checkpoint.

Gong, Chung and Glass, arXiv 2104.01778, section 2.2: the patch kernel is summed over the three colours (a spectrogram
shown as a grey picture), positions are cut or interpolated to the new grid, CLS and its position are copied to the
distillation token. Nothing is trained: such a model has never heard a sound.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from preforget.backbones.checkpoint import read_model_type
from preforget.backbones.layout import Layout, SpectrogramShape, layout_of, read_layout
from preforget.backbones.positions import regrid
from preforget.backbones.spectrogram import (
    ARCHITECTURE,
    PREFIX,
    AudioEncoder,
    Hearing,
    audio_config,
    encoder_from_ast,
)
from preforget.backbones.vit import vit_config, vit_model
from preforget.core.errors import StoreError, UsageError
from preforget.core.files import make_private

AUDIOSET_MEAN, AUDIOSET_STD = -4.2677393, 4.5689974
KERNELS = ("sum", "mean")


@dataclass(frozen=True)
class AudioShape:
    """The input of the new model: `frames` of 10 ms, mel `bins`, a stride for both axes (None for the patch size).

    `kernel`: the patch kernel is the `sum` over colours, or their `mean`; `cut`: positions are cut if the grid gets
    smaller and interpolated if it gets larger, as in the paper; otherwise the whole grid is interpolated bicubically.
    """

    frames: int = 1024
    bins: int = 128
    stride: int | None = None
    kernel: str = "sum"
    cut: bool = True
    rate: int = 16_000
    mean: float = AUDIOSET_MEAN
    std: float = AUDIOSET_STD

    def checked(self, patch: int) -> AudioShape:
        """Return this shape; raises `UsageError` if its values don't suit patches of `patch` bins and frames."""
        if self.kernel not in KERNELS:
            raise UsageError(f"unknown kernel {self.kernel!r}; choose one of: {', '.join(KERNELS)}")
        for name, value, low in (
            ("frames", self.frames, patch),
            ("bins", self.bins, patch),
            ("stride", patch if self.stride is None else self.stride, 1),
            ("rate", self.rate, 1000),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise UsageError(f"{name} must be a whole number of at least {low}, got {value!r}")
        return self

    def hearing(self, patch: int) -> Hearing:
        """Return the settings with which a model of this shape reads sounds."""
        stride = self.stride or patch
        return Hearing(self.rate, self.bins, stride, stride, True, self.mean, self.std)


BUILTIN_AUDIO = "builtin-audio"
BUILTIN_SHAPE = AudioShape(frames=96, bins=64)
"""The input of `builtin-audio` by default: about a second, with 96 patches of the builtin ViT's 8 x 8."""


def init_ast(source: str, out: Path, shape: AudioShape, revision: str | None = None) -> dict[str, Any]:
    """Write an `ASTModel` checkpoint made from a ViT, DeiT or AST checkpoint to a new folder; return its figures.

    From an AST only frames and stride change. Raises `BackboneError`, `UsageError`, and `StoreError` if `out` is taken
    or can't be written.
    """
    if out.exists() or out.is_symlink():
        raise StoreError(f"{out} exists; choose another folder for the checkpoint")
    if read_model_type(source, revision) == ARCHITECTURE:
        model = ast_from_ast(source, revision, shape)
    else:
        model = ast_from_vit(vit_model(source, revision, vit_config(source, revision)), shape)
    made = model.shape
    values = {
        "feature_extractor_type": "ASTFeatureExtractor",
        "feature_size": 1,
        "sampling_rate": shape.rate,
        "num_mel_bins": made.num_mel_bins,
        "max_length": made.max_length,
        "do_normalize": True,
        "mean": shape.mean,
        "std": shape.std,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": False,
    }
    unfinished = out.parent / f".{out.name}.unfinished"
    try:
        make_private(out.parent)
        shutil.rmtree(unfinished, ignore_errors=True)
        _save(transformers_ast(model), unfinished)
        (unfinished / "preprocessor_config.json").write_text(
            json.dumps(values, indent=2) + "\n", encoding="utf-8"
        )
        unfinished.rename(out)
    except OSError as error:
        raise StoreError(f"{out} can't be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return {
        "checkpoint": str(out),
        "from": source,
        "frames": made.max_length,
        "mel_bins": made.num_mel_bins,
        "patch": made.patch_size,
        "tokens": PREFIX + made.patches,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }


@torch.no_grad()
def ast_from_vit(vit: nn.Module, shape: AudioShape) -> Layout[SpectrogramShape]:
    """Return the tensors of an AST, made from a ViT or DeiT model of transformers or from a `Layout`."""
    source: Any = vit.config
    shape.checked(source.patch_size)
    names = (
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "hidden_act",
        "layer_norm_eps",
        "patch_size",
        "qkv_bias",
        "initializer_range",
    )
    stride = shape.stride or source.patch_size
    config = SpectrogramShape(
        model_type=ARCHITECTURE,
        **{name: getattr(source, name) for name in names},
        frequency_stride=stride,
        time_stride=stride,
        max_length=shape.frames,
        num_mel_bins=shape.bins,
    )
    old: Any = vit.embeddings
    kernel = old.patch_embeddings.projection.weight
    kernel = kernel.sum(dim=1, keepdim=True) if shape.kernel == "sum" else kernel.mean(dim=1, keepdim=True)
    table = old.position_embeddings[0]
    distilled = hasattr(old, "distillation_token")
    prefix = table[:2] if distilled else table[[0, 0]]
    side = source.image_size // source.patch_size
    grid = table[2 if distilled else 1 :].view(side, side, -1)
    grid = regrid(grid, config.grid(shape.frames), cut=shape.cut)
    embeddings = {
        "cls_token": old.cls_token,
        "distillation_token": old.distillation_token if distilled else old.cls_token,
        "position_embeddings": torch.cat([prefix, grid.flatten(0, 1)])[None],
        "patch_embeddings.projection.weight": kernel,
        "patch_embeddings.projection.bias": old.patch_embeddings.projection.bias,
    }
    blocks = {n: t for n, t in vit.state_dict().items() if n.startswith(("layers.", "layernorm."))}
    return layout_of(config, blocks | {f"embeddings.{name}": tensor for name, tensor in embeddings.items()})


@torch.no_grad()
def ast_from_ast(source: str, revision: str | None, shape: AudioShape) -> Layout[SpectrogramShape]:
    """Return an AST's tensors for another number of frames and another stride; the number of mel bins stays."""
    old = audio_config(source, revision)
    if shape.bins != old.num_mel_bins:
        raise UsageError(f"{source!r} hears {old.num_mel_bins} mel bins; leave bins={shape.bins} out")
    shape.checked(old.patch_size)
    stride = shape.stride or old.patch_size
    config = replace(old, max_length=shape.frames, frequency_stride=stride, time_stride=stride)
    state = read_layout(old, source, revision, "ASTModel").state_dict()
    name = "embeddings.position_embeddings"
    table = state[name][0]
    grid = table[PREFIX:].view(*old.grid(old.max_length), -1)
    grid = regrid(grid, config.grid(shape.frames), cut=shape.cut).flatten(0, 1)
    return layout_of(config, {**state, name: torch.cat([table[:PREFIX], grid])[None]})


def transformers_ast(layout: Layout[SpectrogramShape]) -> nn.Module:
    """Return transformers' own model with these tensors, which other programs can open."""
    from transformers import ASTConfig, ASTModel

    values = asdict(layout.shape)
    for name in ("model_type", "commit"):
        del values[name]
    model = ASTModel(ASTConfig(**values, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
    model.load_state_dict(layout.state_dict())
    frozen: nn.Module = model.eval().requires_grad_(False)
    return frozen


def builtin_audio(source: str, frames: int | None, device: torch.device, dtype: torch.dtype) -> AudioEncoder:
    """Return `builtin-audio`: an AST made in memory from the builtin ViT, see `BUILTIN_SHAPE`."""
    shape = BUILTIN_SHAPE
    config = vit_config(source, None)
    vit = vit_model(source, None, config)
    hearing = shape.hearing(config.patch_size)
    model = ast_from_vit(vit, shape)
    count = shape.frames if frames is None else frames
    if isinstance(count, bool) or not isinstance(count, int) or count < config.patch_size:
        raise UsageError(
            f"{count!r} frames were asked for; give a whole number of at least {config.patch_size}, one patch"
        )
    return encoder_from_ast(model, hearing, count, BUILTIN_AUDIO, device, dtype)


def _save(model: Any, folder: Path) -> None:
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        model.save_pretrained(folder)
    finally:
        logging.enable_progress_bar()
