"""Decode image files, and resize images to the square that a backbone reads."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from preforget.core.errors import DataError, UsageError
from preforget.core.threads import allowed, in_order
from preforget.data import dicom, heif, nifti
from preforget.data.content import read_content
from preforget.data.dataset import Images, Sounds
from preforget.data.picture_steps import PictureSteps, colour_of
from preforget.data.pixels import to_rgb
from preforget.data.texts import Texts
from preforget.data.vectors import Vectors

EXTENSIONS = frozenset(
    (
        *(".avif", ".bmp", ".dib", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"),
        *(".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
        *(heif.EXTENSIONS | dicom.EXTENSIONS | nifti.EXTENSIONS),
    )
)
FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
MAX_PIXELS = 89_478_485
"""Larger images are refused as decompression bombs; the limit is Pillow's own."""

PLAIN = PictureSteps.squash(1)
"""Steps that ask for no background and no axis of their own."""

BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError, OverflowError),
    *(RuntimeError, UserWarning, struct.error, zlib.error),
)
"""The errors that Pillow's decoders raise on damaged files."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """A picture as upright RGB; `several`: whether the file has more pages, frames or slices.

    `masked`: whether all of it is transparent; `floats`: whether its pixels are floating-point numbers.
    """

    picture: Image.Image
    several: bool = False
    masked: bool = False
    floats: bool = False


def read_image(path: str | Path) -> npt.NDArray[np.uint8]:
    """Decode one image file to RGB, `[h, w, 3]`.

    EXIF orientation and colour profile are applied; transparent pixels are put on white, or on black where all that is
    visible is nearly white; 12 and 16 bits are scaled from their full range, signed ones too; white is 255 whichever
    way round a TIFF or DICOM file has it; of several frames or pages the first is read, of a volume the middle slice;
    floating-point numbers that plainly are grey levels from 0 to 255 are rounded.
    Raises `DataError` that names the file if it is missing, damaged, larger than `MAX_PIXELS`, of a pixel type without
    a known range, or of a type whose library isn't installed.
    """
    file = path if isinstance(path, Path) else Path(path)
    return np.array(decode(read_content(file), file).picture)


def read_batch(
    inputs: Images, indices: slice | Sequence[int] | npt.NDArray[np.integer], size: int | PictureSteps
) -> npt.NDArray[Any]:
    """Decode the chosen images and bring them to one size, `[n, side, side, 3]`, RGB.

    `size`: the steps to it; a number of pixels means that they are squashed to a square with a bicubic filter. Arrays
    and files go the same way, so the same picture gives the same pixels either way. They are decoded and resized by as
    many threads as are allowed, see `core.threads`. Raises `DataError` as `read_image` does and `UsageError` for a size
    below 1.
    """
    steps = PictureSteps.squash(size) if isinstance(size, int) else size
    if steps.side < 1:
        raise UsageError(f"image size {size} must be at least 1 pixel")
    if isinstance(inputs, Sounds):
        raise DataError(
            "the backbone reads images, and these are sounds; give --backbone an audio checkpoint"
        )
    if isinstance(inputs, Vectors):
        raise DataError("the backbone reads images, and these are vectors; use backbone 'features'")
    if isinstance(inputs, Texts):
        raise DataError("the backbone reads images, and these are texts; give --backbone a text encoder")
    positions = range(len(inputs))[indices] if isinstance(indices, slice) else indices
    kind = np.float32 if steps.unrounded else np.uint8
    batch = np.empty((len(positions), steps.side, steps.side, 3), dtype=kind)

    def read(item: tuple[npt.NDArray[np.uint8] | Path, bytes]) -> npt.NDArray[Any]:
        pixels, content = item
        image = (
            Image.fromarray(pixels)
            if isinstance(pixels, np.ndarray)
            else decode(content, pixels, steps).picture
        )
        return steps.apply(image)

    items = (inputs[int(position)] for position in positions)
    contents = ((item, b"" if isinstance(item, np.ndarray) else read_content(item)) for item in items)
    for row, pixels in enumerate(in_order(read, contents, allowed())):
        batch[row] = pixels
    return batch


def decode(content: bytes, path: Path, steps: PictureSteps = PLAIN) -> Decoded:
    """Return an upright RGB image; see `read_image`. `steps`: what is under transparent pixels, the axis of volumes."""
    ground = colour_of(steps.background)
    if not content:
        raise DataError(f"{path}: empty file; replace or remove it")
    try:
        if path.name.lower().endswith(tuple(nifti.EXTENSIONS)):
            middle, several = nifti.middle_slice(content, path, steps.axis)
            return Decoded(Image.fromarray(middle).convert("RGB"), several)
        if dicom.is_dicom(content) or path.suffix.lower() in dicom.EXTENSIONS:
            return Decoded(*dicom.read_dicom(content, path, MAX_PIXELS))
        if heif.is_heif(content):
            return _upright(heif.read_heif(content, path, MAX_PIXELS), path, ground)
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            several = image.format != "MPO" and bool(getattr(image, "is_animated", False))
            image.load()
            return _upright(image, path, ground, several)
    except BOMBS as error:
        raise DataError(
            f"{path}: larger than {MAX_PIXELS:,} pixels; shrink or cut the image first"
        ) from error
    except DataError:
        raise
    except UnidentifiedImageError as error:
        kinds = ", ".join(FORMATS)
        raise DataError(f"{path}: not an image of a known type ({kinds}); convert or remove it") from error
    except MemoryError as error:
        raise DataError(f"{path}: decoding it takes more memory than there is; shrink the image") from error
    except DAMAGE as error:
        raise DataError(f"{path}: damaged image ({error}); replace or remove it") from error


def _upright(
    image: Image.Image, path: Path, ground: tuple[int, int, int] | None, several: bool = False
) -> Decoded:
    ImageOps.exif_transpose(image, in_place=True)
    picture, masked = to_rgb(image, path, ground)
    return Decoded(picture, several, masked, image.mode == "F")
