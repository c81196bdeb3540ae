from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from preforget.backbones.preprocessing import image_side, mean_and_std, picture_preprocessing
from preforget.core.errors import BackboneError, UsageError
from preforget.data.picture_steps import PictureSteps

CONFIG = SimpleNamespace(image_size=32, patch_size=8)


def test_the_side_is_the_asked_one_else_the_checkpoints() -> None:
    assert (image_side(None, CONFIG), image_side(48, CONFIG)) == (32, 48)


@pytest.mark.parametrize(
    ("size", "message"),
    [(33, "multiple of the patch size 8; try 32"), (4, "try 8"), (True, "must be a whole number")],
)
def test_a_side_must_fit_the_patch(size: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        image_side(size, CONFIG)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"image_mean": [0.5]}, "three numbers"), ({"image_std": [0, 1, 1]}, "above zero")],
)
def test_normalisation_is_read_or_refused(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    file = tmp_path / "preprocessor_config.json"
    file.write_text(json.dumps({"image_mean": [0.1, 0.2, 0.3], "image_std": [1, 2, 3]}))
    assert mean_and_std(str(tmp_path), None) == ((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
    file.write_text(json.dumps(values))
    with pytest.raises(BackboneError, match=message):
        mean_and_std(str(tmp_path), None)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ({}, -1, 1),
        ({"do_normalize": False}, 0, 1),
        ({"do_normalize": True, "do_rescale": True, "rescale_factor": 0.00392156862745098}, -1, 1),
        ({"rescale_factor": 1 / 127.5}, -1, 3),
        ({"do_rescale": False}, -1, 509),
        ({"do_rescale": False, "do_normalize": False}, 0, 255),
    ],
)
def test_the_switches_are_obeyed(tmp_path: Path, values: dict[str, Any], low: float, high: float) -> None:
    content = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, **values}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(content))
    mean, std = mean_and_std(str(tmp_path), None)
    assert [(pixel - mean[1]) / std[1] for pixel in (0, 1)] == pytest.approx([low, high])


@pytest.mark.parametrize("factor", [0, -1, "1/255", None, True])
def test_a_factor_that_can_not_be_used_is_refused(tmp_path: Path, factor: Any) -> None:
    content = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": factor}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(content))
    with pytest.raises(BackboneError, match="rescale_factor must be a number above zero"):
        mean_and_std(str(tmp_path), None)


def test_image_size_changes_the_size_alone(tmp_path: Path) -> None:
    content = {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 40}, "crop_size": 32}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**content, "resample": 2}))
    config = SimpleNamespace(model_type="dinov2", image_size=64, patch_size=8)
    own, other = (picture_preprocessing(str(tmp_path), None, config, size) for size in (None, 16))
    assert (own.image_size, own.steps) == (32, PictureSteps(40, 40, True, 32, "bilinear"))
    assert (other.image_size, other.steps) == (16, PictureSteps(20, 20, True, 16, "bilinear"))
    assert (own.mean, own.std) == (other.mean, other.std)
    with pytest.raises(UsageError, match="multiple of the patch size 8"):
        picture_preprocessing(str(tmp_path), None, config, 20)
