from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from preforget.core.errors import DataError
from preforget.data.float_pixels import FLOATS
from preforget.data.looks import (
    DARK,
    MASKED,
    ONE_COLOUR,
    SEVERAL,
    look_at,
    look_at_all,
    look_in_memory,
    oddities,
    refuse_broken,
)


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)


def test_what_is_odd_about_pictures(tmp_path: Path, noise: np.ndarray) -> None:
    plain = save(tmp_path / "plain.png", noise)
    flat = save(tmp_path / "flat.png", np.full((4, 4, 3), 7, np.uint8))
    dark = save(tmp_path / "dark.png", noise[..., 0] % 2)
    masked = save(tmp_path / "masked.png", np.zeros((4, 4, 4), np.uint8))
    moving = tmp_path / "moving.gif"
    frames = [Image.fromarray(noise[..., i]) for i in range(3)]
    frames[0].save(moving, save_all=True, append_images=frames[1:])
    pages = tmp_path / "pages.tif"
    frames[0].save(pages, save_all=True, append_images=frames[1:])
    floats = save(tmp_path / "floats.tif", noise[..., 0].astype(np.float32))
    odd = {path: look_at(path).odd for path in (plain, flat, dark, masked, moving, pages, floats)}
    assert odd == {
        plain: (),
        flat: (ONE_COLOUR,),
        dark: (DARK,),
        masked: (MASKED,),
        moving: (SEVERAL,),
        pages: (SEVERAL,),
        floats: (FLOATS,),
    }
    paths = list(odd)
    texts = oddities(paths, look_at_all(paths)[0])
    assert texts[0] == f"1 of 7 files (14.3 %) are of one colour all over, such as {flat}"
    assert len(texts) == 5


def test_digests_are_of_contents(tmp_path: Path, noise: np.ndarray) -> None:
    first, second = save(tmp_path / "a.png", noise), save(tmp_path / "b.png", noise)
    other = save(tmp_path / "c.png", noise[::-1])
    assert look_at(first).digest == look_at(second).digest != look_at(other).digest
    for name, shift in (("a.wav", 0), ("b.flac", 0), ("c.wav", 1)):
        wave = (8000 * np.sin(np.arange(4000) + shift)).astype(np.int16)
        soundfile.write(tmp_path / name, wave, 8000, subtype="PCM_16")
    digests = [look_at(tmp_path / name).digest for name in ("a.wav", "b.flac", "c.wav")]
    assert digests[0] == digests[1] != digests[2]


def test_all_broken_files_are_named_at_once(tmp_path: Path, noise: np.ndarray) -> None:
    good = save(tmp_path / "good.png", noise)
    broken = []
    for number in range(25):
        broken.append(tmp_path / f"{number}.jpg")
        broken[-1].write_bytes(b"" if number % 2 else b"\xff\xd8\xff and no more")
    looks, reasons = look_at_all([good, *broken])
    assert [look is None for look in looks] == [False] + [True] * 25
    assert [path for path, _ in reasons] == broken
    assert not any(str(tmp_path) in why for _, why in reasons)
    refuse_broken(reasons, 26, skip_broken=True)
    refuse_broken([], 26, skip_broken=False)
    with pytest.raises(
        DataError, match=r"25 of 26 files can't be used:\n.*0\.jpg(?s:.*)15 more(?s:.*)--skip-broken"
    ):
        refuse_broken(reasons, 26, skip_broken=False)
    with pytest.raises(DataError, match=r"3\.jpg: empty file"):
        refuse_broken(reasons[:5], 6, skip_broken=False)


@pytest.mark.parametrize("shape", [(8, 8), (40, 30), (40, 30, 3)])
def test_pictures_in_memory_are_looked_at_as_files_are(tmp_path: Path, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (4, *shape), dtype=np.uint8)
    pictures[1] = 9
    pictures[2] //= 128
    files = [save(tmp_path / f"{number}.png", pixels) for number, pixels in enumerate(pictures)]
    for in_memory, in_file in zip(look_in_memory(pictures), look_at_all(files)[0], strict=True):
        assert in_memory is not None
        assert in_file is not None
        assert in_memory.odd == in_file.odd
        np.testing.assert_array_equal(in_memory.thumb, in_file.thumb)
