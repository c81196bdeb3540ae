"""How a checkpoint reads images: the steps to its square of pixels, and the normalisation of their colours."""

from __future__ import annotations

from typing import Any

from preforget.backbones.checkpoint import read_preprocessor
from preforget.backbones.encoder import Preprocessing
from preforget.backbones.processors import Triple, picture_reading
from preforget.core.errors import UsageError


def picture_preprocessing(
    source: str, revision: str | None, config: Any, image_size: int | None
) -> Preprocessing:
    """Return how a checkpoint reads pictures, as its `preprocessor_config.json` says, for another size if one is given.

    `config` has `model_type`, `image_size` and `patch_size`. Raises `BackboneError` for a file that is missing or can't
    be used and `UsageError` for a size that is no multiple of the patch.
    """
    values = read_preprocessor(source, revision)
    reading = picture_reading(values, config.model_type, config.image_size, source)
    own = reading.steps.side
    is_own = image_size is None or (type(image_size) is int and image_size == own)
    side = own if is_own else image_side(image_size, config)
    return Preprocessing(side, reading.mean, reading.std, reading.steps.at(side))


def image_side(image_size: int | None, config: Any) -> int:
    """Return the side of an image in pixels: the given one, else the checkpoint's own; raises `UsageError`.

    It must be a multiple of `config.patch_size`.
    """
    size, patch = (config.image_size if image_size is None else image_size), config.patch_size
    if isinstance(size, bool) or not isinstance(size, int):
        raise UsageError(f"image size must be a whole number of pixels, got {size!r}")
    if size < patch or size % patch:
        below = max(patch, size // patch * patch)
        raise UsageError(f"image size {size} is not a multiple of the patch size {patch}; try {below}")
    return size


def mean_and_std(source: str, revision: str | None) -> tuple[Triple, Triple]:
    """Return a checkpoint's normalisation of red, green and blue, after /255, from its `preprocessor_config.json`.

    For loaders of other packages that squash pictures to a square; `picture_preprocessing` returns all steps.
    """
    reading = picture_reading(read_preprocessor(source, revision), "vit", None, source)
    return reading.mean, reading.std
