"""Backbones by the name that a user gives: `builtin`, a folder, or an id on the hub."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from preforget.backbones.encoder import Encoder
from preforget.backbones.precision import choose_device, choose_dtype
from preforget.backbones.vit import load_vit

BUILTIN = Path(__file__).with_name("builtin_weights")


def load_backbone(
    name: str = "builtin",
    *,
    image_size: int | None = None,
    device: str = "auto",
    dtype: str = "auto",
    revision: str | None = None,
) -> Encoder:
    """Return a frozen encoder; `name` is `builtin`, the path of a checkpoint folder, or an id on the hub.

    Raises `BackboneError` or `UsageError`, see `load_vit`.
    """
    place = choose_device(device)
    number_format = choose_dtype(dtype, place)
    folder = BUILTIN if name == "builtin" else Path(name).expanduser()
    source = (
        str(folder.absolute()) if folder.is_dir() else name
    )  # a relative path would lead astray elsewhere
    encoder = load_vit(source, image_size=image_size, device=place, dtype=number_format, revision=revision)
    if name != "builtin":
        return encoder
    return replace(encoder, identity=replace(encoder.identity, id="builtin"))
