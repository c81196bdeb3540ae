"""Read DICOM images, with `pydicom` if it is installed: rescaling, window, photometric interpretation, first frame.

DICOM PS3.3 C.7.6.3 (pixels), C.11.1 (modality), C.11.2 (window). What has a window is shown by it; what has none runs
from its darkest to its lightest pixel, but for 8 bits without rescaling, which stay as they are.
"""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from preforget.core.errors import DataError

EXTENSIONS = frozenset({".dcm", ".dicom"})

DAMAGE = (
    *(AttributeError, LookupError, TypeError, ValueError, OverflowError, OSError, EOFError),
    *(RuntimeError, AssertionError, struct.error, zlib.error, UserWarning),
)
"""The errors that pydicom and its decoders raise on damaged files and on encodings for which a library is missing."""

_ONE_AT_A_TIME = threading.Lock()
"""Filters of warnings belong to the process, and threads that change them side by side mix them up."""


def is_dicom(content: bytes) -> bool:
    """Tell whether a file has DICOM's mark after its preamble of 128 bytes."""
    return content[128:132] == b"DICM"


def read_dicom(content: bytes, path: Path, most_pixels: int) -> tuple[Image.Image, bool]:
    """Return the first frame as RGB and whether there are more; raises `DataError`, also without the library."""
    try:
        import pydicom
    except ImportError:
        raise DataError(
            f"{path}: DICOM images need a library that isn't installed: pip install 'preforget[medical]'"
        ) from None
    try:
        with _ONE_AT_A_TIME, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(io.BytesIO(content), force=is_dicom(content))
            if "PixelData" not in dataset:
                raise DataError(f"{path}: a DICOM file without an image; remove it")
            several = int(dataset.get("NumberOfFrames") or 1) > 1
            if int(dataset.Rows) * int(dataset.Columns) > most_pixels:
                raise Image.DecompressionBombError
            return Image.fromarray(_pixels(dataset)).convert("RGB"), several
    except (DataError, Image.DecompressionBombError, MemoryError):
        raise
    except (*DAMAGE, pydicom.errors.InvalidDicomError, pydicom.errors.BytesLengthException) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise DataError(
            f"{path}: can't be decoded as DICOM ({reason}); convert, replace or remove it"
        ) from error


def _pixels(dataset: Any) -> npt.NDArray[np.uint8]:
    """Return the first frame, `uint8 [h, w]` or `[h, w, 3]`."""
    from pydicom.pixels import apply_modality_lut, apply_voi_lut, convert_color_space, pixel_array

    pixels = pixel_array(dataset, index=0, raw=True)
    photometric = str(dataset.PhotometricInterpretation)
    if photometric == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        pixels = apply_color_lut(pixels, dataset)
        return np.asarray(pixels >> 8 if pixels.dtype.itemsize > 1 else pixels, dtype=np.uint8)
    if int(dataset.SamplesPerPixel) == 3:
        if photometric.startswith("YBR"):
            pixels = convert_color_space(pixels, photometric, "RGB")
        return np.asarray(_spread(pixels) if pixels.dtype.itemsize > 1 else pixels, dtype=np.uint8)
    plain = (
        pixels.dtype == np.uint8 and "RescaleSlope" not in dataset and "ModalityLUTSequence" not in dataset
    )
    values = apply_modality_lut(pixels, dataset)
    if "WindowCenter" in dataset or "VOILUTSequence" in dataset:
        low, high = _limits(dataset)
        shown = apply_voi_lut(values, dataset)
        grey = _spread(shown, low, high)
    else:
        grey = pixels.astype(np.uint8) if plain else _spread(values)
    return 255 - grey if photometric == "MONOCHROME1" else grey


def _limits(dataset: Any) -> tuple[float | None, float | None]:
    """Return the ends of what pydicom's window gives, None for a table of values, which has its own."""
    if "VOILUTSequence" in dataset:
        bits = dataset.VOILUTSequence[0].LUTDescriptor[2]
        return 0.0, float(2 ** int(bits) - 1)
    low = -(2.0 ** (dataset.BitsStored - 1)) if dataset.PixelRepresentation else 0.0
    high = low + 2.0**dataset.BitsStored - 1
    if "RescaleSlope" in dataset and "RescaleIntercept" in dataset:
        slope, intercept = float(dataset.RescaleSlope), float(dataset.RescaleIntercept)
        low, high = sorted((low * slope + intercept, high * slope + intercept))
    return low, high


def _spread(
    values: npt.NDArray[Any], low: float | None = None, high: float | None = None
) -> npt.NDArray[np.uint8]:
    """Scale numbers from `low` to `high` (by default the lowest and highest) to 0..255; raises `ValueError` for NaN."""
    numbers = np.asarray(values, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError("pixels are NaN or infinite")
    low = float(numbers.min()) if low is None else low
    high = float(numbers.max()) if high is None else high
    if high <= low:
        return np.zeros(numbers.shape, dtype=np.uint8)
    return np.rint((numbers - low) * (255 / (high - low))).clip(0, 255).astype(np.uint8)
