from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from preforget.core.errors import DataError
from preforget.data.dataset import Sounds
from preforget.serve.inputs import joined, of_array, of_files
from preforget.serve.problems import Problem
from preforget.serve.settings import Settings

FEW = Settings(most_pixels=100, most_samples=10_000, most_text=100)


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (9, 8, 7)).save(file, "png")
    return file.getvalue()


def test_files_of_two_requests_fill_a_batch() -> None:
    first, second = of_files("images", [png(4, 4)], FEW), of_files("images", [png(5, 5)] * 2, FEW)
    assert first.shape == second.shape
    batch = joined([first.part(0, 1), second.part(1, 1)], 4)
    assert [file.name for file in batch] == ["0", "1", "1", "1"]


def test_channels_may_stand_first_and_pictures_of_two_sizes_share_no_batch() -> None:
    image = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    assert (of_array("images", image.transpose(0, 3, 1, 2)).inputs == image).all()
    assert of_array("images", image).shape != of_array("images", image[:, :3]).shape


def test_sounds_texts_and_vectors() -> None:
    sounds = of_array("sounds", np.zeros((2, 100), np.float32), 16000)
    batch = joined([sounds.part(0, 2)], 3)
    assert isinstance(batch, Sounds)
    assert batch.waves.shape == (3, 100)
    assert len(joined([of_files("texts", ["für".encode()], FEW).part(0, 1)], 2)) == 2
    assert joined([of_array("vectors", np.ones((1, 3), np.float32)).part(0, 1)], 2).shape == (2, 3)


def test_what_a_model_doesnt_read() -> None:
    for kind, array in (
        ("sounds", np.zeros((1, 9))),
        ("texts", np.zeros((1, 9))),
        ("images", np.zeros((1, 9))),
    ):
        with pytest.raises(DataError):
            of_array(kind, array)
    for kind, content in (("texts", b"\xff"), ("vectors", b"1")):
        with pytest.raises(DataError):
            of_files(kind, [content], FEW)
    with pytest.raises(DataError):
        of_files("images", [], FEW)


def test_a_picture_of_too_many_pixels_is_refused_unread() -> None:
    with pytest.raises(Problem) as refused:
        of_files("images", [png(11, 10)], FEW)
    assert refused.value.status == 413
    assert len(of_files("images", [b"no picture at all"], FEW)) == 1
    assert len(of_files("images", [png(10, 10)] * 4, FEW)) == 4
    with pytest.raises(Problem, match="together") as refused:
        of_files("images", [png(10, 10)] * 5, FEW)
    assert refused.value.status == 413


def sound(samples: int, channels: int = 1, kind: str = "FLAC") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros((samples, channels)), 16000, format=kind)
    return file.getvalue()


def test_a_sound_that_decodes_to_too_much_is_refused_undecoded() -> None:
    assert len(of_files("sounds", [sound(5000), sound(2500, 2), b"no sound"], FEW)) == 3
    unsaid = bytearray(sound(10_001))
    unsaid[21] &= 0xF0  # a stream states no length: the 36 bits after the rate
    unsaid[22:26] = bytes(4)
    for files in (
        [sound(10_001)],
        [sound(5001, 2)],
        [sound(5001)] * 2,
        [sound(10_001, 1, "OGG")],
        [bytes(unsaid)],
    ):
        with pytest.raises(Problem, match="samples") as refused:
            of_files("sounds", files, FEW)
        assert refused.value.status == 413


def test_texts_of_too_many_bytes() -> None:
    assert len(of_files("texts", [b"x" * 50] * 2, FEW)) == 2
    with pytest.raises(Problem, match="bytes"):
        of_files("texts", [b"x" * 51] * 2, FEW)
