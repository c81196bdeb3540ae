"""Read slices of NIfTI volumes, with `nibabel` if it is installed.

A volume is turned to the axes right, anterior, superior (RAS+) by its own orientation. Intensities run from the darkest
to the lightest voxel of the volume. A file stands for its middle slice across the third axis, seen from below as
radiologists have it; `read_slices` gives all slices across any axis.
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError, UsageError
from preforget.data.content import read_content

EXTENSIONS = frozenset({".nii", ".nii.gz"})

MOST_VOXELS = 1 << 27
"""Volumes with more are refused: they are decoded whole."""

HEADER = 352
"""Bytes before which no voxel lies."""

DAMAGE = (
    *(AttributeError, LookupError, TypeError, ValueError, OverflowError, OSError, EOFError),
    *(RuntimeError, AssertionError, struct.error, zlib.error),
)
"""The errors that nibabel raises on damaged files."""


def read_slices(path: str | Path, axis: int = 2) -> npt.NDArray[np.uint8]:
    """Return all slices of a volume across an axis, `uint8 [slices, h, w]`, in the order in which they lie.

    Args:
        path: A `.nii` or `.nii.gz` file of three dimensions, or of four, of which the first volume is taken.
        axis: 0 for slices from left to right, 1 from back to front, 2 from bottom to top.

    Raises:
        UsageError: The axis is none of these.
        DataError: The file can't be read.
    """
    if axis not in (0, 1, 2):
        raise UsageError(f"axis {axis!r} of a volume must be 0, 1 or 2")
    file = Path(path)
    return _slices(read_content(file), file, axis)[0]


def middle_slice(content: bytes, path: Path, axis: int = 2) -> tuple[npt.NDArray[np.uint8], bool]:
    """Return the middle slice across an axis, `uint8 [h, w]`, and whether there are others."""
    slices, several = _slices(content, path, axis)
    return slices[len(slices) // 2], several or len(slices) > 1


def _slices(content: bytes, path: Path, axis: int) -> tuple[npt.NDArray[np.uint8], bool]:
    try:
        import nibabel
        from nibabel.filebasedimages import ImageFileError
        from nibabel.orientations import OrientationError
        from nibabel.spatialimages import HeaderDataError
        from nibabel.wrapstruct import WrapStructError
    except ImportError:
        raise DataError(
            f"{path}: NIfTI volumes need a library that isn't installed: pip install 'preforget[medical]'"
        ) from None
    try:
        volume, several = _volume(nibabel, content, path)
    except DataError:
        raise
    except (*DAMAGE, ImageFileError, HeaderDataError, OrientationError, WrapStructError) as error:
        raise DataError(f"{path}: can't be decoded as NIfTI ({error}); replace or remove it") from error
    # rows run from anterior to posterior, or from superior to inferior, columns from the right to the left of the data
    return np.ascontiguousarray(np.moveaxis(volume, axis, 0).swapaxes(1, 2)[:, ::-1, :]), several


def _volume(nibabel: Any, content: bytes, path: Path) -> tuple[npt.NDArray[np.uint8], bool]:
    """Return the first volume of a file, `uint8 [x, y, z]` in RAS+, and whether there are more."""
    header = nibabel.Nifti1Header.from_fileobj(io.BytesIO(_unpacked(content, HEADER)), check=False)
    shape = tuple(int(n) for n in header.get_data_shape())
    if len(shape) < 3 or any(n != 1 for n in shape[4:]) or min(shape) < 1:
        raise DataError(f"{path}: a volume of shape {shape}; slices need three dimensions")
    voxels = shape[0] * shape[1] * shape[2]
    if voxels > MOST_VOXELS:
        raise DataError(f"{path}: more than {MOST_VOXELS:,} voxels; cut the volume first")
    start, kind = int(header.get_data_offset()), header.get_data_dtype()
    if start < HEADER or start > 1 << 24 or kind.fields is not None or kind.kind not in "iuf":
        raise DataError(
            f"{path}: voxels of the type {kind} from byte {start} on; save it as whole numbers or floats"
        )
    plain = _unpacked(content, start + voxels * kind.itemsize)
    numbers = np.frombuffer(plain, kind, voxels, start).reshape(shape[:3], order="F").astype(np.float32)
    slope, intercept = header.get_slope_inter()
    if slope is not None:
        numbers = numbers * np.float32(slope) + np.float32(intercept or 0)
    if not np.isfinite(numbers).all():
        raise DataError(f"{path}: holds voxels that are NaN or infinite; replace them")
    orientation = nibabel.orientations.io_orientation(header.get_best_affine())
    numbers = nibabel.orientations.apply_orientation(numbers, orientation)
    low, high = float(numbers.min()), float(numbers.max())
    bytes_ = np.rint((numbers - low) * (255 / ((high - low) or 1))).clip(0, 255).astype(np.uint8)
    return bytes_, len(shape) > 3 and shape[3] > 1


def _unpacked(content: bytes, most: int) -> bytes:
    """Return the first bytes of a file that may be packed by gzip, `most` of them."""
    if content[:2] != b"\x1f\x8b":
        return content[:most]
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
        return packed.read(most)
