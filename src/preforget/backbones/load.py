"""Backbones by the name that a user gives: `builtin`, a folder, or an id on the hub."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from preforget.backbones.checkpoint import read_config
from preforget.backbones.encoder import Encoder
from preforget.backbones.init_ast import builtin_audio
from preforget.backbones.precision import choose_device, choose_dtype
from preforget.backbones.spectrogram import ARCHITECTURE, load_spectrogram
from preforget.backbones.vectors import NAME as FEATURES
from preforget.backbones.vectors import vector_encoder
from preforget.backbones.vit import load_vit

BUILTIN_AUDIO = "builtin-audio"
BUILTIN = Path(__file__).with_name("builtin_weights")


def load_backbone(
    name: str = "builtin",
    *,
    image_size: int | None = None,
    device: str = "auto",
    dtype: str = "auto",
    revision: str | None = None,
) -> Encoder:
    """Return a frozen encoder; `name` is `builtin`, `builtin-audio`, `features`, a checkpoint folder or a hub id.

    `image_size`: pixels of an image's side, or frames of a spectrogram, None for the checkpoint's own; for `features`
    the width of the vectors. Raises `BackboneError` or `UsageError`, see `load_vit`, `load_spectrogram` and
    `vector_encoder`.
    """
    place = choose_device(device)
    number_format = choose_dtype(dtype, place)
    if name == FEATURES:
        return vector_encoder(image_size, place, torch.float32 if dtype == "auto" else number_format)
    if name == BUILTIN_AUDIO:
        return builtin_audio(str(BUILTIN), image_size, place, number_format)
    folder = BUILTIN if name == "builtin" else Path(name).expanduser()
    source = (
        str(folder.absolute()) if folder.is_dir() else name
    )  # a relative path would lead astray elsewhere
    heard = read_config(source, revision).model_type == ARCHITECTURE
    load = load_spectrogram if heard else load_vit
    encoder = load(source, image_size=image_size, device=place, dtype=number_format, revision=revision)
    if name != "builtin":
        return encoder
    return replace(encoder, identity=replace(encoder.identity, id="builtin"))
