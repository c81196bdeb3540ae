"""The steps equal transformers' own processors on Pillow, to a 255th, on pictures of odd shapes."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from preforget.backbones.processors import picture_reading
from preforget.core.errors import BackboneError
from preforget.data.picture_steps import PictureSteps

SHAPES = [(36, 36), (30, 48), (51, 20), (6, 6), (10, 3), (22, 31), (90, 70), (7, 333)]
KINDS = {
    **dict.fromkeys(("vit", "vit_mae", "ijepa"), ("vit", "ViT")),
    "deit": ("deit", "DeiT"),
    "dinov2": ("bit", "Bit"),
    "clip": ("clip", "CLIP"),
    "siglip": ("siglip", "Siglip"),
}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
SMALL = {"size": {"height": 24, "width": 24}}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("vit", {}),
    ("vit", {**SMALL, "resample": 3}),
    ("vit", {"size": 24, "do_normalize": False}),
    ("vit", {**SMALL, "resample": 1, "rescale_factor": 1 / 127.5}),
    ("vit", {**SMALL, "resample": 4, "do_rescale": False}),
    ("deit", {}),
    ("deit", {"size": 26, "crop_size": 22}),
    ("dinov2", {}),
    ("dinov2", {"size": {"shortest_edge": 25}, "crop_size": {"height": 22, "width": 22}, **IMAGENET}),
    ("dinov2", {"do_center_crop": False, **SMALL}),
    ("dinov2", {"size": {"shortest_edge": 51}, "crop_size": 51, "image_mean": [0.5307] * 3}),  # RAD-DINO / 10
    ("clip", {}),
    ("clip", {"size": 21, "crop_size": 30}),
    ("siglip", {**SMALL}),
]


@pytest.mark.parametrize(("model_type", "values"), CASES)
def test_as_transformers(model_type: str, values: dict[str, Any]) -> None:
    module, name = KINDS[model_type]
    source = importlib.import_module(f"transformers.models.{module}.image_processing_pil_{module}")
    theirs = getattr(source, f"{name}ImageProcessorPil")(**values)
    reading = picture_reading(values, model_type, None, "a checkpoint")
    mean, std = np.float32(reading.mean) * 255, np.float32(reading.std) * 255
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        picture = Image.fromarray(rng.integers(0, 256, (*shape, 3), dtype=np.uint8))
        wanted = theirs(images=picture, return_tensors="np")["pixel_values"][0].transpose(1, 2, 0)
        got = (reading.steps.apply(picture).astype(np.float32) - mean) / std
        assert np.abs((got - wanted) * std).max() < 1e-3, shape  # of 255
    assert "torchvision" not in sys.modules


@pytest.mark.parametrize("named", ["CLIPImageProcessor", "CLIPFeatureExtractor", "CLIPImageProcessorFast"])
def test_the_class_that_the_file_names_gives_what_it_leaves_out(named: str) -> None:
    key = "feature_extractor_type" if "Extractor" in named else "image_processor_type"
    steps = picture_reading({key: named}, "vit", None, "x").steps
    assert steps == PictureSteps(224, 224, shortest=True, crop=224)


def test_without_a_size_in_the_file_it_is_the_models() -> None:
    assert picture_reading({}, "deit", 112, "x").steps == PictureSteps(128, 128, crop=112)
    assert picture_reading({"size": 96}, "vit", 32, "x").steps.side == 96


def test_dinov3_rounds_nothing_and_colours_may_be_turned() -> None:
    steps = picture_reading({"do_flip_channel_order": True}, "dinov3_vit", None, "x").steps
    assert (steps.unrounded, steps.reverse, steps.resample) == (True, True, "bilinear")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": {"longest_edge": 5}}, "size must be height and width, or shortest_edge"),
        ({"size": {"height": 5, "width": 6}}, "not brought to a square"),
        ({"size": {"shortest_edge": 5}}, "not brought to a square"),
        ({"size": True}, "size must be"),
        ({"resample": 9}, "resample must be"),
        ({"do_center_crop": True, "crop_size": [4, 5]}, "crop_size must be one"),
        ({"do_resize": False}, "neither resizes"),
        ({"do_pad": True}, "do_pad is a step that preforget does not take.*features"),
        ({"image_processor_type": "OddImageProcessor"}, "'OddImageProcessor' is not known here"),
        ({"image_std": [1, 1, 0]}, "image_std above zero"),
        ({"image_mean": 0.5}, "three numbers"),
    ],
)
def test_what_it_can_not_do_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(BackboneError, match=message):
        picture_reading(values, "vit", None, "x")
