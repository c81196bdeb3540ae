"""Backbones with a name of their own: they come with this package and need neither a folder nor the hub."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch

from preforget.backbones.checkpoint import read_model_type
from preforget.backbones.encoder import Encoder
from preforget.backbones.families import loader_for
from preforget.backbones.hashed_text import BUILTIN_TEXT, hashed_text_encoder
from preforget.backbones.init_ast import BUILTIN_AUDIO, builtin_audio
from preforget.backbones.precision import choose_dtype
from preforget.backbones.vectors import FEATURES, vector_encoder

BUILTIN = "builtin"
BUILTIN_FOLDER = Path(__file__).with_name("builtin_weights")


def _builtin(image_size: int | None, device: torch.device, dtype: str) -> Encoder:
    source = str(BUILTIN_FOLDER)
    load = loader_for(read_model_type(source, None), source)
    encoder = load(source, image_size=image_size, device=device, dtype=choose_dtype(dtype, device))
    return replace(encoder, identity=replace(encoder.identity, id=BUILTIN))


def _builtin_audio(image_size: int | None, device: torch.device, dtype: str) -> Encoder:
    return builtin_audio(str(BUILTIN_FOLDER), image_size, device, choose_dtype(dtype, device))


def _features(image_size: int | None, device: torch.device, dtype: str) -> Encoder:
    return vector_encoder(
        image_size, device, torch.float32 if dtype == "auto" else choose_dtype(dtype, device)
    )


def _builtin_text(image_size: int | None, device: torch.device, dtype: str) -> Encoder:
    return hashed_text_encoder(
        image_size, device, torch.float32 if dtype == "auto" else choose_dtype(dtype, device)
    )


NAMED: Mapping[str, Callable[[int | None, torch.device, str], Encoder]] = {
    BUILTIN: _builtin,
    BUILTIN_AUDIO: _builtin_audio,
    BUILTIN_TEXT: _builtin_text,
    FEATURES: _features,
}
"""Loaders by name; each takes `image_size` as `load_backbone` does, a device and the name of a number format."""
