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

    What the file says of `do_normalize`, `do_rescale` and `rescale_factor` is part of it: another factor than 1/255
    scales both. Raises `BackboneError` if there is no such file or it lacks usable numbers.
    """
    values = read_preprocessor(source, revision)
    scale = _scale(source, values)
    if values.get("do_normalize") is False:
        return (0.0, 0.0, 0.0), (1 / scale, 1 / scale, 1 / scale)
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
    if scale == 1:
        return mean, std
    return (mean[0] / scale, mean[1] / scale, mean[2] / scale), (
        std[0] / scale,
        std[1] / scale,
        std[2] / scale,
    )


def _scale(source: str, values: dict[str, Any]) -> float:
    """Return by how much the checkpoint's rescaling differs from a division by 255."""
    factor = 1.0 if values.get("do_rescale") is False else values.get("rescale_factor", 1 / 255)
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < math.inf:
        raise BackboneError(f"{source!r}: rescale_factor must be a number above zero, got {factor!r}")
    scale = 255.0 * factor
    return 1.0 if math.isclose(scale, 1, rel_tol=1e-6) else scale
