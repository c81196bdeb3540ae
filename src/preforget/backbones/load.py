"""Backbones by the name that a user gives: `builtin`, `features`, a folder, or an id on the hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from preforget.backbones.checkpoint import check_folder, read_model_type
from preforget.backbones.encoder import Encoder
from preforget.backbones.families import loader_for
from preforget.backbones.file_digests import check_files, file_digests
from preforget.backbones.init_ast import builtin_audio
from preforget.backbones.pinned import pinned
from preforget.backbones.precision import choose_device, choose_dtype
from preforget.backbones.vectors import NAME as FEATURES
from preforget.backbones.vectors import vector_encoder
from preforget.core.paths import exists, given_path

BUILTIN_AUDIO = "builtin-audio"
BUILTIN = Path(__file__).with_name("builtin_weights")


@pinned
def load_backbone(
    name: str = "builtin",
    *,
    image_size: int | None = None,
    device: str = "auto",
    dtype: str = "auto",
    revision: str | None = None,
    files: Mapping[str, str] | None = None,
) -> Encoder:
    """Load a frozen encoder.

    Args:
        name: `builtin` (a small ViT that comes with the package), `builtin-audio`, `features` (inputs are vectors
            already), the folder of a checkpoint of transformers, or its id on the hub.
        image_size: Pixels of an image's side, or frames of a spectrogram, None for the checkpoint's own; for
            `features` the width of the vectors.
        device: `auto`, `cpu`, `cuda`, `cuda:<n>` or `mps`.
        dtype: `auto`, `float32` or `bfloat16`.
        revision: Of a checkpoint on the hub: a branch, a tag or a commit.
        files: The digests that its files must have, by name, as a model folder knows them from learning; compared
            before anything of them is used.

    Returns:
        The encoder; its weights never change.

    Raises:
        BackboneError: The checkpoint is missing, incomplete, of no family in `preforget.backbones.families`, or of
            other files.
        UsageError: An option doesn't fit the checkpoint or this machine.
    """
    place = choose_device(device)
    number_format = choose_dtype(dtype, place)
    if name == FEATURES:
        return vector_encoder(image_size, place, torch.float32 if dtype == "auto" else number_format)
    if name == BUILTIN_AUDIO:
        return builtin_audio(str(BUILTIN), image_size, place, number_format)
    folder = BUILTIN if name == "builtin" else given_path(name)
    is_folder = exists(folder) and folder.is_dir()
    source = str(folder.absolute()) if is_folder else name  # a relative path would lead astray elsewhere
    check_folder(source)
    if files:
        check_files(source, revision, files)
    load = loader_for(read_model_type(source, revision), source)
    encoder = load(source, image_size=image_size, device=place, dtype=number_format, revision=revision)
    if name == "builtin":  # it comes with the package, and so do its files
        return replace(encoder, identity=replace(encoder.identity, id="builtin"))
    known = dict(files) if files else file_digests(source, revision)
    return replace(encoder, identity=replace(encoder.identity, files=known))
