from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from preforget.core.errors import DataError, UsageError
from preforget.data.picture_steps import PictureSteps, middle


def picture(height: int, width: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize(("height", "width"), [(8, 8), (30, 9), (9, 30), (3, 5)])
def test_the_shorter_side_then_the_middle(height: int, width: int) -> None:
    steps = PictureSteps(10, 10, shortest=True, crop=8)
    own = picture(height, width)
    long = int(10 * max(height, width) / min(height, width))
    size = (10, long) if width <= height else (long, 10)
    wanted = np.asarray(own.resize(size, Image.Resampling.BICUBIC))
    top, left = (wanted.shape[0] - 8) // 2, (wanted.shape[1] - 8) // 2
    np.testing.assert_array_equal(steps.apply(own), wanted[top : top + 8, left : left + 8])


def test_a_square_is_squashed_and_a_picture_of_its_size_is_untouched() -> None:
    assert PictureSteps.squash(6).apply(picture(5, 9)).shape == (6, 6, 3)
    own = picture(6, 6)
    np.testing.assert_array_equal(PictureSteps.squash(6).apply(own), np.asarray(own))


def test_grey_becomes_three_channels_and_reverse_turns_them() -> None:
    grey = Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4))
    assert (PictureSteps.squash(4).apply(grey) == np.asarray(grey)[:, :, None]).all()
    own = picture(4, 4)
    np.testing.assert_array_equal(PictureSteps(4, 4, reverse=True).apply(own), np.asarray(own)[:, :, ::-1])


def test_unrounded_is_torchs_antialiased_filter() -> None:
    own = picture(40, 31)
    pixels = torch.from_numpy(np.asarray(own).copy()).permute(2, 0, 1)[None].float()
    wanted = F.interpolate(pixels, size=(12, 12), mode="bilinear", antialias=True, align_corners=False)
    got = PictureSteps(12, 12, resample="bilinear", unrounded=True).apply(own)
    assert got.dtype == np.float32
    assert np.abs(got - wanted[0].permute(1, 2, 0).numpy()).max() < 1e-3


def test_black_is_added_around_what_is_smaller() -> None:
    got = middle(np.ones((3, 2), dtype=np.uint8), 4)
    assert got.tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0]]


def test_another_size_cuts_the_same_share() -> None:
    steps = PictureSteps(256, 256, shortest=True, crop=224, resample="bilinear")
    assert steps.at(112) == PictureSteps(128, 128, shortest=True, crop=112, resample="bilinear")
    assert steps.at(224) is steps
    assert PictureSteps.from_dict(steps.as_dict()) == steps


def test_a_background_and_an_axis_are_kept_and_checked() -> None:
    plain = PictureSteps.squash(8)
    assert set(plain.as_dict()) == {"height", "width", "shortest", "crop", "resample", "reverse", "unrounded"}
    own = PictureSteps(8, 8, background="#102030", axis=0).at(16)
    assert PictureSteps.from_dict(own.as_dict()) == own
    assert (own.background, own.axis, own.side) == ("#102030", 0, 16)
    for wrong in ({"background": "no colour"}, {"background": ""}, {"axis": 3}, {"axis": True}):
        with pytest.raises(UsageError, match=r"no colour|must be 0, 1 or 2"):
            PictureSteps(8, 8, **wrong)


@pytest.mark.parametrize("size", [(1, 20_000), (20_000, 1)])
def test_a_strip_is_refused_before_its_shorter_side_makes_it_any_length(size: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="too narrow"):
        PictureSteps(224, 224, shortest=True, crop=224).apply(Image.new("RGB", size))
