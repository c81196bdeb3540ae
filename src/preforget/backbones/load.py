"""Backbones by the name that a user gives: `builtin`, `features`, a folder, or an id on the hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from preforget.backbones.checkpoint import check_folder, read_model_type
from preforget.backbones.encoder import Encoder
from preforget.backbones.families import loader_for
from preforget.backbones.file_digests import check_files, file_digests
from preforget.backbones.licence import UNKNOWN, licence_of
from preforget.backbones.named import BUILTIN, NAMED
from preforget.backbones.outputs import refuse_unknown
from preforget.backbones.pinned import pinned
from preforget.backbones.precision import choose_device, choose_dtype
from preforget.core.errors import BackboneError
from preforget.core.paths import exists, given_path

MOST_LICENCE = 200
"""Letters of a stated licence that are kept."""


@pinned
def load_backbone(
    name: str = BUILTIN,
    *,
    image_size: int | None = None,
    device: str = "auto",
    dtype: str = "auto",
    revision: str | None = None,
    files: Mapping[str, str] | None = None,
    background: str | None = None,
    volume_axis: int | None = None,
) -> Encoder:
    """Load a frozen encoder.

    Args:
        name: `builtin` (a small ViT that comes with the package), `builtin-audio`, `features` (the inputs are
            vectors), the folder of a checkpoint of transformers, or its id on the hub.
        image_size: Pixels of an image's side, or frames of a spectrogram, None for the checkpoint's own; for
            `features` the width of the vectors.
        device: `auto`, `cpu`, `cuda`, `cuda:<n>` or `mps`.
        dtype: `auto`, `float32` or `bfloat16`.
        revision: Of a checkpoint on the hub: a branch, a tag or a commit.
        files: The digests that its files must have, by name, as the model folder noted them when it was learned;
            compared before any of them is used.
        background: The colour under transparent pixels of pictures, a name or `#rrggbb`; by default white, or black
            where what is visible is nearly white. A model that is learned with the encoder remembers it.
        volume_axis: Across which axis of a NIfTI volume its middle slice is taken, 0, 1 or 2 (the default).

    Returns:
        The encoder; its weights never change.

    Raises:
        BackboneError: The checkpoint is missing, incomplete, of no family in `preforget.backbones.families`, or its
            files differ from `files`.
        UsageError: An option doesn't fit the checkpoint or this machine.

    Example:
        >>> import preforget as pf
        >>> encoder = pf.load_backbone("builtin", image_size=32, device="cpu")
        >>> encoder.dim, encoder.depth
        (192, 8)
    """
    chosen_device = choose_device(device)
    refuse_unknown(name)
    if name in NAMED:
        if files:
            raise BackboneError(f"the backbone {name!r} comes with this package; leave files out")
        return NAMED[name](image_size, chosen_device, dtype).reading(background, volume_axis)
    number_format = choose_dtype(dtype, chosen_device)
    folder = given_path(name)
    is_folder = exists(folder) and folder.is_dir()
    source = (
        str(folder.absolute()) if is_folder else name
    )  # a relative path means another folder after a chdir
    check_folder(source)
    if files:
        check_files(source, revision, files)
    load = loader_for(read_model_type(source, revision), source)
    encoder = load(
        source, image_size=image_size, device=chosen_device, dtype=number_format, revision=revision
    )
    known = dict(files) if files else file_digests(source, revision, encoder.files_read)
    stated = licence_of(source, revision)
    licence = None if stated == UNKNOWN else stated[:MOST_LICENCE]
    known_encoder = replace(encoder, identity=replace(encoder.identity, files=known, licence=licence))
    return known_encoder.reading(background, volume_axis)
