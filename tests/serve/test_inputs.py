from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from preforget.core.errors import DataError
from preforget.data.dataset import Sounds
from preforget.serve.inputs import joined, of_array, of_files
from preforget.serve.problems import Problem


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (9, 8, 7)).save(file, "png")
    return file.getvalue()


def test_files_of_two_requests_fill_a_batch() -> None:
    first, second = of_files("images", [png(4, 4)], 100), of_files("images", [png(5, 5)] * 2, 100)
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
    assert len(joined([of_files("texts", ["für".encode()], 1).part(0, 1)], 2)) == 2
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
            of_files(kind, [content], 100)
    with pytest.raises(DataError):
        of_files("images", [], 100)


def test_a_picture_of_too_many_pixels_is_refused_unread() -> None:
    with pytest.raises(Problem) as refused:
        of_files("images", [png(11, 10)], 100)
    assert refused.value.status == 413
    assert len(of_files("images", [b"no picture at all"], 100)) == 1
    assert len(of_files("images", [png(10, 10)] * 4, 100)) == 4
    with pytest.raises(Problem, match="together") as refused:
        of_files("images", [png(10, 10)] * 5, 100)
    assert refused.value.status == 413
