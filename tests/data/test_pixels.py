from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from preforget.core.errors import DataError
from preforget.data.images import read_image
from preforget.data.pixels import scaled

RAMP = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (6, 1))


def tiff(path: Path, data: bytes, bits: int, photometric: int, sample_format: int = 1) -> Path:
    """Write an uncompressed little-endian grey TIFF of one strip by hand, as large as the ramp."""
    height, width = RAMP.shape
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, photometric),
        (273, 4, 0),
    ]
    tags += [(277, 3, 1), (278, 4, height), (279, 4, len(data)), (339, 3, sample_format)]
    start = 8 + 2 + 12 * len(tags) + 4
    out = b"II*\0" + struct.pack("<IH", 8, len(tags))
    for tag, kind, given in tags:
        value = start if tag == 273 else given
        out += struct.pack("<HHI", tag, kind, 1) + struct.pack(
            "<HH" if kind == 3 else "<I", *((value, 0) if kind == 3 else (value,))
        )
    path.write_bytes(out + bytes(4) + data)
    return path


def packed_12() -> bytes:
    wide = RAMP.astype(int) * 4095 // 255
    pairs = wide.reshape(-1, 2).tolist()
    return b"".join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in pairs)


@pytest.mark.parametrize(
    ("data", "bits", "photometric", "sample_format"),
    [
        ((255 - RAMP).tobytes(), 8, 0, 1),
        ((65535 - RAMP.astype("<u2") * 257).tobytes(), 16, 0, 1),
        ((RAMP.astype("<u2") * 257).tobytes(), 16, 1, 1),
        (packed_12(), 12, 1, 1),
        ((RAMP.astype(int) * 257 - 32768).astype("<i2").tobytes(), 16, 1, 2),
        ((RAMP.astype(int) - 128).astype("i1").tobytes(), 8, 1, 2),
    ],
)
def test_tags_say_what_numbers_mean(
    tmp_path: Path, data: bytes, bits: int, photometric: int, sample_format: int
) -> None:
    pixels = read_image(tiff(tmp_path / "a.tif", data, bits, photometric, sample_format))
    assert np.abs(pixels[..., 0].astype(int) - RAMP).max() <= 1


def test_a_colour_profile_is_applied_and_a_broken_one_is_not(tmp_path: Path) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(40, 200, (8, 8, 3), dtype=np.uint8))
    lab = ImageCms.createProfile("LAB")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, profile in (
        ("srgb", srgb),
        ("broken", b"no profile"),
        ("lab", ImageCms.ImageCmsProfile(lab).tobytes()),
    ):
        picture.save(tmp_path / f"{name}.png", icc_profile=profile)
        np.testing.assert_array_equal(read_image(tmp_path / f"{name}.png"), np.asarray(picture))


def test_a_profile_with_other_colours_changes_them(tmp_path: Path) -> None:
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    text = srgb.find("sRGB".encode("utf-16-be"))
    assert text > 0
    srgb = srgb.replace("sRGB".encode("utf-16-be"), "xRGB".encode("utf-16-be")).replace(b"sRGB", b"xRGB")
    red, green = (srgb.index(tag, 128) for tag in (b"rXYZ", b"gXYZ"))
    srgb[red + 4 : red + 8], srgb[green + 4 : green + 8] = (
        srgb[green + 4 : green + 8],
        srgb[red + 4 : red + 8],
    )
    Image.new("RGB", (2, 2), (255, 0, 0)).save(tmp_path / "a.png", icc_profile=bytes(srgb))
    pixels = read_image(tmp_path / "a.png")
    assert pixels[0, 0, 1] > 250  # what the profile calls red is green
    assert pixels[0, 0, 0] < 5


@pytest.mark.parametrize("drawing", ["ellipse", "line"])
def test_black_on_transparent_can_be_seen(tmp_path: Path, drawing: str) -> None:
    from PIL import ImageDraw

    picture = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    getattr(ImageDraw.Draw(picture), drawing)([4, 4, 28, 20], fill=(0, 0, 0, 255))
    picture.save(tmp_path / "a.png")
    assert np.ptp(read_image(tmp_path / "a.png")) == 255


def test_avif_is_read(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16), (200, 30, 30)).save(tmp_path / "a.avif")
    assert np.abs(read_image(tmp_path / "a.avif")[4, 4].astype(int) - (200, 30, 30)).max() < 12


@pytest.mark.parametrize(("bits", "signed"), [(12, False), (16, False), (16, True)])
def test_every_number_is_scaled_as_the_rule_says_in_pieces_too(
    monkeypatch: pytest.MonkeyPatch, bits: int, signed: bool
) -> None:
    low = -(1 << bits - 1) if signed else 0
    numbers = np.arange(low, low + (1 << bits), dtype=np.int32).reshape(64, -1)
    wanted = np.floor((numbers - low) * 255 / ((1 << bits) - 1) + 0.5)
    for size in (1 << 20, 1000):
        monkeypatch.setattr("preforget.data.pixels.AT_ONCE", size)
        assert (scaled(numbers, Path("a.tif"), bits, signed) == wanted).all()
    with pytest.raises(DataError, match="pixels run from"):
        scaled(numbers + 1, Path("a.tif"), bits, signed)
