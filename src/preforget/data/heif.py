"""Read HEIC and HEIF photographs, with `pillow-heif` if it is installed."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from preforget.core.errors import DataError

EXTENSIONS = frozenset({".heic", ".heif", ".hif"})
BRANDS = frozenset((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"))
"""The brands of ISO/IEC 23008-12 in the first box of a file, but for those of AVIF, which Pillow reads."""


def is_heif(content: bytes) -> bool:
    """Tell whether a file is HEIF by its first box.

    >>> is_heif(bytes(4) + b"ftypheic"), is_heif(bytes(4) + b"ftypavif")
    (True, False)
    """
    return content[4:8] == b"ftyp" and content[8:12] in BRANDS


def read_heif(content: bytes, path: Path, most_pixels: int) -> Image.Image:
    """Return the main picture, upright; raises `DataError` for a damaged file and without the library."""
    try:
        import pillow_heif
    except ImportError:
        raise DataError(
            f"{path}: HEIC photographs need a library that isn't installed: pip install 'preforget[heif]', or save "
            "it as JPEG or PNG"
        ) from None
    try:
        opened = pillow_heif.open_heif(io.BytesIO(content), convert_hdr_to_8bit=True)
        if opened.size[0] * opened.size[1] > most_pixels:
            raise Image.DecompressionBombError
        image: Image.Image = opened.to_pillow()
        image.load()
        return image
    except (RuntimeError, IndexError, KeyError, StopIteration, AssertionError) as error:
        raise DataError(f"{path}: damaged image ({error}); replace or remove it") from error
