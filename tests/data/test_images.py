from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from preforget.core.errors import DataError, UsageError
from preforget.data import content, images, read_batch, read_image
from preforget.data.picture_steps import PictureSteps

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (7, 5, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (7, 5), dtype=np.uint8)


def grey_as_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[:, :, None], 3, axis=2)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "ppm", "webp"])
def test_rgb_files_come_back_as_they_were(tmp_path: Path, ending: str) -> None:
    path = save(
        tmp_path / f"a.{ending}", Image.fromarray(RGB), **({"lossless": True} if ending == "webp" else {})
    )
    pixels = read_image(path)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    np.testing.assert_array_equal(pixels, RGB)


def test_grey_is_repeated_to_three_channels(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(GREY))
    np.testing.assert_array_equal(read_image(path), grey_as_rgb(GREY))


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(GREY > 127).convert("1"))
    np.testing.assert_array_equal(read_image(path), grey_as_rgb(np.where(GREY > 127, 255, 0)))


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    palette = Image.fromarray((np.arange(35) % 4).astype(np.uint8).reshape(7, 5), mode=None)
    palette = palette.convert("P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7])
    pixels = read_image(save(tmp_path / "a.png", palette))
    expected = np.array(palette.convert("RGB"))
    np.testing.assert_array_equal(pixels, expected)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 1


@pytest.mark.parametrize(
    ("grey", "shown"), [(200, [255, 227, 200]), (0, [255, 127, 0]), (250, [0, 125, 250])]
)
def test_transparent_pixels_lie_on_white_or_under_white_on_black(
    tmp_path: Path, grey: int, shown: list[int]
) -> None:
    rgba = np.dstack([np.full((2, 3, 3), grey, np.uint8), np.array([[0, 128, 255]] * 2, np.uint8)])
    pixels = read_image(save(tmp_path / "a.png", Image.fromarray(rgba)))
    assert pixels[0, :, 0].tolist() == shown


def test_grey_with_transparency_lies_on_white(tmp_path: Path) -> None:
    image = Image.merge("LA", [Image.new("L", (3, 2), 200), Image.new("L", (3, 2), 128)])
    assert np.unique(read_image(save(tmp_path / "a.png", image))).tolist() == [227]


def test_a_transparent_palette_entry_lies_on_white(tmp_path: Path) -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    for transparency in (0, bytes([0, 255])):
        pixels = read_image(save(tmp_path / "a.png", palette, transparency=transparency))
        assert pixels.tolist() == [[[255, 255, 255], [40, 50, 60]]]


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_transparent_colour_without_alpha_channel(tmp_path: Path, mode: str) -> None:
    white: int | tuple[int, ...] = {"1": 1, "L": 255, "RGB": (255, 255, 255)}[mode]
    key: int | tuple[int, ...] = (255, 255, 255) if mode == "RGB" else 255
    path = save(tmp_path / "a.png", Image.new(mode, (2, 2), white), transparency=key)
    assert (read_image(path) == 255).all()  # nothing is visible


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", Image.new("CMYK", (2, 2), (255, 0, 0, 0)))
    assert read_image(path)[0, 0].tolist() == [0, 255, 255]


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bits_are_scaled_by_257(tmp_path: Path, ending: str) -> None:
    wide = np.array([[0, 128, 129, 257, 32_896, 65_535]], np.uint16)
    pixels = read_image(save(tmp_path / f"a.{ending}", Image.fromarray(wide)))
    np.testing.assert_array_equal(pixels, grey_as_rgb(np.rint(wide / 257).astype(np.uint8)))


@pytest.mark.parametrize("high", [65_536, -1])
def test_wider_integers_are_refused(tmp_path: Path, high: int) -> None:
    path = save(tmp_path / "a.tif", Image.fromarray(np.array([[0, high]], np.int32)))
    with pytest.raises(DataError, match=r"a\.tif: pixels run from"):
        read_image(path)


@pytest.mark.parametrize("numbers", [[0, 0.5], [-3, 200], [0, 4000], [0, np.nan]])
def test_floating_point_pixels_of_unknown_range_are_refused(tmp_path: Path, numbers: list[float]) -> None:
    path = save(tmp_path / "a.tif", Image.fromarray(np.array([numbers], np.float32)))
    with pytest.raises(DataError, match=r"a\.tif: pixels are floating-point"):
        read_image(path)


@pytest.mark.parametrize("white_is_zero", [False, True])
def test_floating_point_pixels_from_0_to_255_are_rounded(tmp_path: Path, white_is_zero: bool) -> None:
    numbers = np.array([[0.4, 99.6], [255, 7]], np.float32)
    save(tmp_path / "a.tif", Image.fromarray(numbers))
    path = tmp_path / "b.tif"
    Image.fromarray(numbers).save(path, tiffinfo={262: 0 if white_is_zero else 1})
    grey = np.array([[0, 100], [255, 7]])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 0], grey)
    np.testing.assert_array_equal(read_image(path)[..., 1], 255 - grey if white_is_zero else grey)


def test_exif_orientation_turns_the_image(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "a.png", Image.fromarray(RGB), exif=exif)
    np.testing.assert_array_equal(read_image(path), np.rot90(RGB, -1))


def test_the_first_frame_is_read(tmp_path: Path) -> None:
    frames = [Image.new("L", (2, 2), value) for value in (10, 200)]
    path = save(tmp_path / "a.tif", frames[0], save_all=True, append_images=frames[1:])
    assert np.unique(read_image(path)).tolist() == [10]


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(np.tile(RGB, (20, 20, 1))))
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(DataError, match=r"a\.jpg: damaged"):
        read_image(path)


@pytest.mark.parametrize("content", [b"hello", b"\x89PNG"])
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.png: not an image of a known type \(AVIF, BMP, .*PNG"):
        read_image(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png: can't be opened: No such file"):
        read_image(tmp_path / "gone.png")


@pytest.mark.parametrize("side", [9_500, 13_500])
def test_a_decompression_bomb_is_refused(tmp_path: Path, side: int) -> None:
    path = save(tmp_path / "bomb.png", Image.new("1", (side, side)))
    with pytest.raises(DataError, match=r"bomb\.png: larger than"):
        read_image(path)


def test_a_file_of_more_than_a_gibibyte_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "sparse.png").open("wb") as file:
        file.truncate(content.MAX_BYTES + 1)
    with pytest.raises(DataError, match=r"sparse\.png: larger than 1 GiB"):
        read_image(tmp_path / "sparse.png")


@pytest.fixture(scope="module")
def good_files() -> dict[str, bytes]:
    files = {}
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM"):
        buffer = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(RGB).save(buffer, kind, **({"exif": exif} if kind in ("PNG", "JPEG", "WEBP") else {}))
        files[kind] = buffer.getvalue()
    return files


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_bytes_give_pixels_or_a_data_error(
    tmp_path: Path, good_files: dict[str, bytes], data: st.DataObject
) -> None:
    content = bytearray(good_files[data.draw(st.sampled_from(sorted(good_files)))])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "a.img"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    outcome: object = None
    try:
        outcome = read_image(path).ndim
    except DataError as error:
        outcome = "a.img" in str(error)
    assert outcome in (3, True)


def test_arrays_and_files_give_the_same_batch(tmp_path: Path) -> None:
    big = RNG.integers(0, 256, (3, 40, 30, 3), dtype=np.uint8)
    paths = [save(tmp_path / f"{i}.png", Image.fromarray(image)) for i, image in enumerate(big)]
    for size in (8, 30, 64):
        batch = read_batch(paths, slice(None), size)
        assert batch.shape == (3, size, size, 3)
        np.testing.assert_array_equal(batch, read_batch(big, slice(None), size))


def test_grey_arrays_are_resized_as_their_rgb_twins() -> None:
    grey = RNG.integers(0, 256, (2, 28, 28), dtype=np.uint8)
    rgb = np.repeat(grey[..., None], 3, axis=3)
    np.testing.assert_array_equal(read_batch(grey, [0, 1], 96), read_batch(rgb, [0, 1], 96))


def test_an_image_of_the_right_size_is_left_alone() -> None:
    square = RNG.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    np.testing.assert_array_equal(read_batch(square, slice(None), 16), square)


def test_shrinking_averages_instead_of_picking() -> None:
    stripes = np.zeros((1, 64, 64), np.uint8)
    stripes[:, :, ::2] = 200
    inner = read_batch(stripes, [0], 8)[0, 2:-2, 2:-2]
    assert abs(inner.astype(int) - 100).max() <= 2


def test_files_of_different_sizes_share_a_batch(tmp_path: Path) -> None:
    paths = [
        save(tmp_path / "a.png", Image.new("L", (4, 9), 50)),
        save(tmp_path / "b.png", Image.new("RGB", (30, 3), (1, 2, 3))),
    ]
    batch = read_batch(paths, [1, 0, 1], 6)
    assert batch[:, 3, 3].tolist() == [[1, 2, 3], [50, 50, 50], [1, 2, 3]]


def test_indices_may_be_a_slice_a_list_or_an_array() -> None:
    grey = RNG.integers(0, 256, (5, 4, 4), dtype=np.uint8)
    expected = read_batch(grey, [1, 2], 4)
    np.testing.assert_array_equal(read_batch(grey, slice(1, 3), 4), expected)
    np.testing.assert_array_equal(read_batch(grey, np.array([1, 2]), 4), expected)
    assert read_batch(grey, [], 4).shape == (0, 4, 4, 3)


def test_a_size_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="image size 0"):
        read_batch(GREY[None], [0], 0)


def test_formats_that_run_programs_are_never_opened(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(RGB), format="EPS")
    with pytest.raises(DataError, match="not an image of a known type"):
        read_image(path)
    assert "EPS" not in images.FORMATS


@pytest.mark.parametrize(("background", "colour"), [("auto", 255), ("black", 0), ("#808080", 128)])
def test_transparent_pixels_lie_on_a_chosen_colour(tmp_path: Path, background: str, colour: int) -> None:
    picture = np.zeros((2, 2, 4), dtype=np.uint8)
    picture[0, :] = (10, 20, 30, 255)
    Image.fromarray(picture).save(tmp_path / "a.png")
    Image.fromarray(picture * 0).save(tmp_path / "b.png")
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    seen = read_batch(paths, [0, 1], PictureSteps(2, 2, background=background))
    assert seen[0, 0].tolist() == [[10, 20, 30]] * 2
    assert set(seen[0, 1].ravel().tolist()) == set(seen[1].ravel().tolist()) == {colour}
