"""How a checkpoint reads images: their side in pixels and the normalisation of their colours."""

from __future__ import annotations

import math
from typing import Any

from preforget.backbones.checkpoint import read_preprocessor
from preforget.core.errors import BackboneError, UsageError

Triple = tuple[float, float, float]


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

    Raises `BackboneError` if there is no such file or it lacks usable numbers.
    """
    values = read_preprocessor(source, revision)
    try:
        (r, g, b), (sr, sg, sb) = values["image_mean"], values["image_std"]
        mean, std = (float(r), float(g), float(b)), (float(sr), float(sg), float(sb))
    except (KeyError, TypeError, ValueError):
        raise BackboneError(
            f"preprocessor_config.json of {source!r} lacks image_mean or image_std of three numbers"
        ) from None
    if not all(map(math.isfinite, mean + std)) or min(std) <= 0:
        raise BackboneError(
            f"{source!r}: image_mean must be finite and image_std above zero, got {mean}, {std}"
        )
    return mean, std
