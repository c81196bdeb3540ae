from __future__ import annotations

import gzip
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from preforget.core.errors import DataError, UsageError
from preforget.data.images import read_batch, read_image
from preforget.data.nifti import read_slices
from preforget.data.picture_steps import PictureSteps


def nifti(voxels: np.ndarray, signs: tuple[int, int, int] = (1, 1, 1), slope: float = 0.0) -> bytes:
    """Return a NIfTI-1 file, by the standard's header of 348 bytes."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, voxels.ndim, *voxels.shape, *([1] * (7 - voxels.ndim)))
    code = {"uint8": 2, "int16": 4, "float32": 16}[str(voxels.dtype)]
    struct.pack_into("<2h", header, 70, code, voxels.dtype.itemsize * 8)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<3f", header, 108, 352, slope, 5.0)
    struct.pack_into("<h", header, 254, 1)  # sform
    for row in range(3):
        struct.pack_into("<4f", header, 280 + 16 * row, *(signs[row] if c == row else 0 for c in range(4)))
    header[344:348] = b"n+1\0"
    return bytes(header) + voxels.tobytes(order="F")


VOXELS = np.random.default_rng(0).integers(0, 255, (4, 5, 6), dtype=np.uint8)
VOXELS[0, 0, 0], VOXELS[1, 0, 0] = 0, 255


def test_slices_across_each_axis_and_the_middle_one(tmp_path: Path) -> None:
    pytest.importorskip("nibabel", reason="nibabel is not installed")
    path = tmp_path / "brain.nii.gz"
    path.write_bytes(gzip.compress(nifti(VOXELS)))
    for axis in range(3):
        slices = read_slices(path, axis)
        assert slices.shape == tuple(
            np.array([VOXELS.shape[i] for i in (axis, *sorted({0, 1, 2} - {axis})[::-1])])
        )
        np.testing.assert_array_equal(slices[1], np.take(VOXELS, 1, axis).T[::-1])
    np.testing.assert_array_equal(read_image(path)[..., 0], VOXELS[:, :, 3].T[::-1])
    with pytest.raises(UsageError, match="axis 3"):
        read_slices(path, 3)


@pytest.mark.parametrize("dtype", ["int16", "float32", "uint8"])
def test_orientation_type_and_further_volumes_do_not_matter(tmp_path: Path, dtype: str) -> None:
    pytest.importorskip("nibabel", reason="nibabel is not installed")
    (tmp_path / "a.nii").write_bytes(nifti(VOXELS))
    turned = VOXELS[::-1, :, ::-1].astype(dtype)
    (tmp_path / "b.nii").write_bytes(nifti(np.stack([turned, turned * 0], axis=3), (-1, 1, -1), slope=2.0))
    np.testing.assert_array_equal(read_slices(tmp_path / "a.nii"), read_slices(tmp_path / "b.nii"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"hello" * 100, ": "),
        (nifti(VOXELS)[:-20], "can't be decoded as NIfTI"),
        (nifti(VOXELS[0]), "slices need three dimensions"),
        (nifti(np.full((2, 2, 2), np.nan, np.float32)), "NaN or infinite"),
        (b"\x1f\x8b rubbish", "can't be decoded as NIfTI"),
    ],
)
def test_what_can_not_be_read_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    pytest.importorskip("nibabel", reason="nibabel is not installed")
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.nii: .*{message}" if message != ": " else r"a\.nii: "):
        read_image(tmp_path / "a.nii")


def test_a_volume_that_claims_to_be_huge_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    pytest.importorskip("nibabel", reason="nibabel is not installed")
    content = bytearray(nifti(VOXELS))
    struct.pack_into("<8h", content, 40, 3, 32_000, 32_000, 32_000, 1, 1, 1, 1)
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(DataError, match="voxels; cut the volume"):
        read_image(tmp_path / "a.nii")


def test_without_the_library_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nibabel", None)
    (tmp_path / "a.nii").write_bytes(nifti(VOXELS))
    with pytest.raises(DataError, match=r"a\.nii: NIfTI .*pip install 'preforget\[medical\]'"):
        read_image(tmp_path / "a.nii")


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_axis_of_the_slice_that_stands_for_a_volume_can_be_chosen(tmp_path: Path, axis: int) -> None:
    (tmp_path / "v.nii").write_bytes(nifti(np.arange(27, dtype=np.int16).reshape(3, 3, 3)))
    (seen,) = read_batch([tmp_path / "v.nii"], [0], PictureSteps(3, 3, axis=axis))
    assert (seen[..., 0] == read_slices(tmp_path / "v.nii", axis)[1]).all()
