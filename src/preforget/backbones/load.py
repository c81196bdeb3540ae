"""Backbones by the name that a user gives: `builtin`, a folder, or an id on the hub."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from preforget.backbones.checkpoint import read_config
from preforget.backbones.encoder import Encoder
from preforget.backbones.init_ast import builtin_audio
from preforget.backbones.precision import choose_device, choose_dtype
from preforget.backbones.spectrogram import ARCHITECTURE, load_spectrogram
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
    """Return a frozen encoder; `name` is `builtin`, `builtin-audio`, a checkpoint folder, or an id on the hub.

    `image_size`: pixels of an image's side, or frames of a spectrogram; None for the checkpoint's own. Raises
    `BackboneError` or `UsageError`, see `load_vit` and `load_spectrogram`.
    """
    place = choose_device(device)
    number_format = choose_dtype(dtype, place)
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
