"""Bring a decoded picture of any mode to 8-bit RGB, by what its tags say of its numbers and colours."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from preforget.core.errors import DataError
from preforget.data.float_pixels import levels_of

BITS, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339
"""Tags of TIFF 6.0, sections 8 and 19."""

WHITE_IS_ZERO, SIGNED = 0, 2

AT_ONCE = 1 << 20
"""Pixels that are scaled at once."""

LARGEST_PROFILE = 1 << 23
"""Bytes; a larger colour profile is not read."""

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
NEARLY_WHITE = 235
"""Mean lightness of what is visible from which a drawing is put on black instead of white."""


def to_rgb(
    image: Image.Image, path: Path, ground: tuple[int, int, int] | None = None
) -> tuple[Image.Image, bool]:
    """Return a picture as RGB, and whether all of it is transparent.

    Raises `DataError` for floating-point pixels that aren't plainly grey levels from 0 to 255.
    `ground`: the colour under transparent pixels; None: white, or black if all that is visible is nearly white.
    """
    tags: Any = getattr(image, "tag_v2", {})
    signed = tags.get(SAMPLE_FORMAT, (1,))[0] == SIGNED
    if image.mode == "I" or image.mode.startswith("I;16"):
        bits = int(tags.get(BITS, (16,))[0])
        grey = scaled(np.asarray(image), path, min(bits, 16), signed and bits <= 16)
        return _from_grey(grey, tags), False
    if image.mode == "F":
        levels = levels_of(np.asarray(image))
        if levels is not None:
            return _from_grey(levels, tags), False
        low, high = image.getextrema()
        raise DataError(
            f"{path}: pixels are floating-point numbers from {low:g} to {high:g}, and what is white isn't known; save "
            "it with 8 or 16 bits"
        )
    if signed and image.mode == "L":
        image = Image.fromarray(np.asarray(image) ^ np.uint8(128))
    if image.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in image.info:
        return _on_ground(image, ground)
    return _as_srgb(image), False


def _from_grey(grey: npt.NDArray[np.uint8], tags: Any) -> Image.Image:
    inverted = tags.get(PHOTOMETRIC) == WHITE_IS_ZERO
    return Image.fromarray(255 - grey if inverted else grey).convert("RGB")


def scaled(
    pixels: npt.NDArray[Any], path: Path, bits: int = 16, signed: bool = False
) -> npt.NDArray[np.uint8]:
    """Scale the whole range of `bits` to 0..255, rounded; raises `DataError` for numbers outside of it.

    Older versions of Pillow hand 16-bit files out as 32-bit integers.
    """
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    darkest, lightest = int(pixels.min()), int(pixels.max())
    if darkest < low or lightest > high:
        raise DataError(f"{path}: pixels run from {darkest} to {lightest}; save it with 8 or 16 bits")
    span = high - low
    grey = ((510 * np.arange(span + 1) + span) // (2 * span)).astype(np.uint8)
    flat, out = pixels.reshape(-1), np.empty(pixels.size, dtype=np.uint8)
    for start in range(0, len(flat), AT_ONCE):  # as a whole they would take eight times as much memory
        out[start : start + AT_ONCE] = grey[flat[start : start + AT_ONCE].astype(np.int64) - low]
    return out.reshape(pixels.shape)


def _on_ground(image: Image.Image, colour: tuple[int, int, int] | None) -> tuple[Image.Image, bool]:
    """Put a transparent picture on a colour, see `to_rgb`."""
    picture = image.convert("RGBA")
    alpha = np.asarray(picture.getchannel("A"), dtype=np.float64)
    if not alpha.any():
        return Image.new("RGB", image.size, colour or WHITE), True
    colours = _as_srgb(picture.convert("RGB"), image.info.get("icc_profile"))
    lightness = float((np.asarray(colours.convert("L")) * alpha).sum() / alpha.sum())
    ground = Image.new("RGB", image.size, colour or (BLACK if lightness >= NEARLY_WHITE else WHITE))
    ground.paste(colours, mask=picture.getchannel("A"))
    return ground, False


def _as_srgb(image: Image.Image, profile: bytes | None = None) -> Image.Image:
    """Return RGB, by the picture's colour profile if it has one that can be used and isn't sRGB already."""
    profile = profile or image.info.get("icc_profile")
    if image.mode not in {"RGB", "CMYK", "L"}:
        image = image.convert("RGB")
    if isinstance(profile, bytes) and 0 < len(profile) <= LARGEST_PROFILE:
        transform = _transform(profile, image.mode)
        if transform is not None:
            try:
                return transform.apply(image)
            except (ImageCms.PyCMSError, OSError, ValueError):
                return image.convert("RGB")
    return image.convert("RGB")


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return what brings colours of a profile to sRGB; None for sRGB itself and for a profile that can't be used."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in (source.profile.profile_description or "").lower():
            return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, ImportError, OSError, ValueError, TypeError, UnicodeError):
        return None
