"""Decode image files, and resize images to the square that a backbone reads."""

from __future__ import annotations

import errno
import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from preforget.core.errors import DataError, UsageError
from preforget.core.files import read_regular
from preforget.data.dataset import Images, Sounds
from preforget.data.vectors import Vectors

EXTENSIONS = frozenset(
    (
        *(".bmp", ".dib", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"),
        *(".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
    )
)
FORMATS = ("BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
MAX_PIXELS = 89_478_485
"""Larger images are refused as decompression bombs; the limit is Pillow's own."""

MAX_BYTES = 1 << 30
"""Larger files are refused, since a file is read whole before it is decoded."""

BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError, OverflowError),
    *(UserWarning, struct.error, zlib.error),
)
"""The errors that Pillow's decoders raise on damaged files."""


def read_image(path: str | Path) -> npt.NDArray[np.uint8]:
    """Decode one image file to RGB, `[h, w, 3]`.

    EXIF orientation is applied; transparent pixels are put on black; 16-bit grey is scaled from its full range
    (`v / 257`, rounded); of several frames or pages the first is read. Raises `DataError` that names the
    file if it is missing, damaged, larger than `MAX_PIXELS` or of a pixel type without a known range.
    """
    return np.array(_decode(Path(path)))


def read_batch(
    inputs: Images, indices: slice | Sequence[int] | npt.NDArray[np.integer], size: int
) -> npt.NDArray[np.uint8]:
    """Decode and resize the chosen images, `[n, size, size, 3]`, RGB.

    Arrays and files go through the same bicubic filter (antialiased when shrinking), so the same picture
    gives the same pixels either way. Images that aren't square are squashed to a square, as
    `ViTImageProcessor` does. Raises `DataError` as `read_image` does and `UsageError` for a size below 1.
    """
    if size < 1:
        raise UsageError(f"image size {size} must be at least 1 pixel")
    if isinstance(inputs, Sounds):
        raise DataError(
            "the backbone reads images, and these are sounds; give --backbone an audio checkpoint"
        )
    if isinstance(inputs, Vectors):
        raise DataError("the backbone reads images, and these are vectors; use backbone 'features'")
    positions = range(len(inputs))[indices] if isinstance(indices, slice) else indices
    batch = np.empty((len(positions), size, size, 3), dtype=np.uint8)
    for row, position in enumerate(positions):
        item = inputs[int(position)]
        image = Image.fromarray(item) if isinstance(item, np.ndarray) else _decode(item)
        if image.size != (size, size):
            image = image.resize((size, size), Image.Resampling.BICUBIC)
        pixels = np.asarray(image)
        batch[row] = pixels[:, :, None] if pixels.ndim == 2 else pixels
    return batch


def _decode(path: Path) -> Image.Image:
    """Return an upright RGB image."""
    try:
        # into memory: decoders may abort the process when a file shrinks under them
        content = read_regular(path, MAX_BYTES, follow=True)
    except OSError as error:
        if error.errno == errno.EFBIG:
            problem = f"larger than {MAX_BYTES >> 30} GiB; shrink or cut the image first"
        else:
            problem = f"can't be opened: {error.strerror}"
        raise DataError(f"{path}: {problem}") from error
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return _to_rgb(image, path)
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


def _to_rgb(image: Image.Image, path: Path) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _from_wide_grey(np.asarray(image), path)
    if image.mode == "F":
        raise DataError(
            f"{path}: pixels are floating-point numbers of unknown range; save it with 8 or 16 bits"
        )
    if image.mode in {"LA", "PA", "RGBA"} or "transparency" in image.info:
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _from_wide_grey(pixels: npt.NDArray[np.integer], path: Path) -> Image.Image:
    """Scale 0..65535 to 0..255; older Pillow versions hand 16-bit files out as 32-bit integers."""
    wide = pixels.astype(np.int64)
    if wide.min() < 0 or wide.max() > 65_535:
        raise DataError(f"{path}: pixels run from {wide.min()} to {wide.max()}; save it with 8 or 16 bits")
    return Image.fromarray(((wide + 128) // 257).astype(np.uint8)).convert("RGB")
