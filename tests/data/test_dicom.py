from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.data.images import decode, read_image

RAMP = np.arange(0, 4000, 10, dtype=np.uint16).reshape(20, 20)


def write(path: Path, pixels: np.ndarray, photometric: str = "MONOCHROME2", **more: Any) -> Path:
    pydicom = pytest.importorskip("pydicom", reason="pydicom is not installed")
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    colours = pixels.shape[-1] == 3
    frames = pixels.ndim - colours == 3
    dataset.Rows, dataset.Columns = pixels.shape[frames : frames + 2]
    dataset.SamplesPerPixel = 3 if colours else 1
    if colours:
        dataset.PlanarConfiguration = 0
    if frames:
        dataset.NumberOfFrames = len(pixels)
    bits = pixels.dtype.itemsize * 8
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PhotometricInterpretation = photometric
    dataset.PixelData = pixels.tobytes()
    for name, value in more.items():
        setattr(dataset, name, value)
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_a_window_of_hounsfield_units(tmp_path: Path) -> None:
    path = write(
        tmp_path / "ct.dcm", RAMP, RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=40, WindowWidth=400
    )
    shown = np.clip((RAMP.astype(float) - 1024 - 40 + 0.5) / 399 + 0.5, 0, 1) * 255  # PS3.3 C.11.2.1.2
    assert np.abs(read_image(path)[..., 0] - shown).max() <= 1


@pytest.mark.parametrize(
    ("pixels", "photometric", "more", "ends"),
    [
        (RAMP, "MONOCHROME2", {}, (0, 255)),
        (RAMP, "MONOCHROME1", {}, (255, 0)),
        ((RAMP // 16).astype(np.uint8), "MONOCHROME2", {}, (0, 249)),
        ((RAMP // 16).astype(np.uint8), "MONOCHROME1", {}, (255, 6)),
        (RAMP.astype(np.int16) - 2000, "MONOCHROME2", {}, (0, 255)),
        (RAMP, "MONOCHROME2", {"RescaleSlope": -1, "RescaleIntercept": 0}, (255, 0)),
    ],
)
def test_from_the_darkest_to_the_lightest(
    tmp_path: Path, pixels: np.ndarray, photometric: str, more: dict[str, Any], ends: tuple[int, int]
) -> None:
    seen = read_image(write(tmp_path / "a.dcm", pixels, photometric, **more))[..., 0]
    assert (seen[0, 0], seen[-1, -1]) == ends


def test_colours_frames_and_files_without_an_ending(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (3, 6, 5, 3), dtype=np.uint8)
    path = write(tmp_path / "IM0001", rgb, "RGB")
    decoded = decode(path.read_bytes(), path)
    assert decoded.several
    np.testing.assert_array_equal(np.asarray(decoded.picture), rgb[0])


def test_what_can_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.dcm", RAMP)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match=r"a\.dcm: can't be decoded as DICOM"):
        read_image(path)
    path.write_bytes(bytes(128) + b"DICM")
    with pytest.raises(DataError, match=r"a\.dcm: a DICOM file without an image"):
        read_image(path)
    path.write_bytes(b"no dicom")
    with pytest.raises(DataError, match=r"a\.dcm: can't be decoded as DICOM"):
        read_image(path)


def test_without_the_library_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydicom", None)
    (tmp_path / "a.dcm").write_bytes(bytes(128) + b"DICM")
    with pytest.raises(DataError, match=r"a\.dcm: DICOM .*pip install 'preforget\[medical\]'"):
        read_image(tmp_path / "a.dcm")
