"""What `preprocessor_config.json` says of pictures, with the defaults of transformers' processor where it is silent.

The classes of transformers aren't imported: they need torchvision, or would read the file at another speed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from preforget.core.errors import BackboneError
from preforget.data.picture_steps import FILTERS, PictureSteps

Triple = tuple[float, float, float]

HALF: Triple = (0.5, 0.5, 0.5)
IMAGENET: tuple[Triple, Triple] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
OPENAI: tuple[Triple, Triple] = (
    (0.48145466, 0.4578275, 0.40821073),
    (0.26862954, 0.26130258, 0.27577711),
)


@dataclass(frozen=True)
class Processor:
    """The defaults of one class of transformers: `square`: a plain number is both sides, else the shorter one."""

    size: Mapping[str, int]
    resample: str
    mean: Triple = HALF
    std: Triple = HALF
    crop: int = 0
    square: bool = True
    unrounded: bool = False


SQUARE = {"height": 224, "width": 224}
SHORTEST = {"shortest_edge": 224}
PROCESSORS: Mapping[str, Processor] = {
    "ViTImageProcessor": Processor(SQUARE, "bilinear"),
    "DeiTImageProcessor": Processor({"height": 256, "width": 256}, "bicubic", crop=224),
    "BitImageProcessor": Processor(SHORTEST, "bicubic", *OPENAI, crop=224, square=False),
    "CLIPImageProcessor": Processor(SHORTEST, "bicubic", *OPENAI, crop=224, square=False),
    "SiglipImageProcessor": Processor(SQUARE, "bicubic"),
    # resizes numbers from 0 to 1, so that nothing is rounded between
    "DINOv3ViTImageProcessor": Processor(SQUARE, "bilinear", *IMAGENET, unrounded=True),
}
"""By the name of the class, without what stands for its backend."""

DEFAULTS: Mapping[str, str] = {
    "deit": "DeiTImageProcessor",
    "dinov2": "BitImageProcessor",
    "dinov2_with_registers": "BitImageProcessor",
    "dinov3_vit": "DINOv3ViTImageProcessor",
    "clip": "CLIPImageProcessor",
    "clip_vision_model": "CLIPImageProcessor",
    "siglip": "SiglipImageProcessor",
    "siglip_vision_model": "SiglipImageProcessor",
}
"""By `model_type`, where the file names no class; `ViTImageProcessor` for the rest."""

SWITCHES = frozenset(
    ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb", "do_flip_channel_order")
)
"""Steps that are computed here; a file that asks for another is refused."""


@dataclass(frozen=True)
class PictureReading:
    """The steps to a square of pixels, and the colours' mean and deviation after a division by 255."""

    steps: PictureSteps
    mean: Triple
    std: Triple


def picture_reading(
    values: Mapping[str, Any], model_type: str, own_side: int | None, source: str
) -> PictureReading:
    """Return how a checkpoint reads pictures; `own_side`: of its model, where the file names no size.

    `values` are those of the file. Raises `BackboneError` that names what can't be used.
    """
    default = PROCESSORS[DEFAULTS.get(model_type, "ViTImageProcessor")]
    named = values.get("image_processor_type", values.get("feature_extractor_type"))
    if named is not None:
        plain = str(named).replace("FeatureExtractor", "ImageProcessor")
        plain = plain.removesuffix("Fast").removesuffix("Pil")
        if plain in PROCESSORS:
            default = PROCESSORS[plain]
        elif "size" not in values or "resample" not in values:
            raise _unusable(
                source, f"its processor {named!r} is not known here, and size or resample isn't given"
            )
    others = [name for name, on in values.items() if name.startswith("do_") and on and name not in SWITCHES]
    if others:
        raise _unusable(
            source,
            f"{others[0]} is a step that preforget does not take; encode the pictures with the "
            'checkpoint\'s own code, and learn from the vectors with backbone "features"',
        )
    scale = _scale(source, values)
    if values.get("do_normalize") is False:
        return PictureReading(_steps(source, values, default, own_side), (0.0,) * 3, (1 / scale,) * 3)
    mean, std = colours(source, values.get("image_mean"), values.get("image_std"), default.mean, default.std)
    if scale != 1:
        mean = (mean[0] / scale, mean[1] / scale, mean[2] / scale)
        std = (std[0] / scale, std[1] / scale, std[2] / scale)
    return PictureReading(_steps(source, values, default, own_side), mean, std)


def _steps(source: str, values: Mapping[str, Any], default: Processor, own_side: int | None) -> PictureSteps:
    resample = values.get("resample")
    if resample is None:
        name = default.resample
    elif isinstance(resample, int) and not isinstance(resample, bool) and resample in FILTERS:
        name = FILTERS[resample]
    else:
        raise _unusable(
            source, f"resample must be a whole number from 0 to {len(FILTERS) - 1}, got {resample!r}"
        )
    crop = _crop(source, values, default)
    height, width, shortest = _size(source, values.get("size"), default)
    if values.get("do_resize") is False:
        if not crop:
            raise _unusable(source, "it neither resizes pictures nor cuts them to one size")
        height = width = 0
    reverse = bool(values.get("do_flip_channel_order"))
    steps = PictureSteps(height, width, shortest, crop, name, reverse, default.unrounded)
    if not crop and (shortest or height != width):
        raise _unusable(source, "pictures are not brought to a square; preforget reads squares alone")
    return steps.at(own_side) if values.get("size") is None and own_side else steps


def _size(source: str, given: Any, default: Processor) -> tuple[int, int, bool]:
    """Return rows and columns, or the shorter side twice and True."""
    size: Any = dict(default.size) if given is None else given
    if _is_whole(size):
        return size, size, not default.square
    if isinstance(size, list | tuple) and len(size) == 2 and all(map(_is_whole, size)):
        return size[0], size[1], False
    if isinstance(size, dict):
        size = {name: value for name, value in size.items() if value is not None}
        if set(size) == {"shortest_edge"} and _is_whole(size["shortest_edge"]):
            return size["shortest_edge"], size["shortest_edge"], True
        if set(size) == {"height", "width"} and all(map(_is_whole, size.values())):
            return size["height"], size["width"], False
    raise _unusable(source, f"size must be height and width, or shortest_edge, got {given!r}")


def _crop(source: str, values: Mapping[str, Any], default: Processor) -> int:
    if not values.get("do_center_crop", bool(default.crop)):
        return 0
    given = values.get("crop_size", default.crop or 224)
    sides = (given, given)
    if isinstance(given, dict):
        sides = (given.get("height"), given.get("width"))
    elif isinstance(given, list | tuple) and len(given) == 2:
        sides = (given[0], given[1])
    if not all(map(_is_whole, sides)) or sides[0] != sides[1]:
        raise _unusable(source, f"crop_size must be one whole number for both sides, got {given!r}")
    return int(sides[0])


def colours(source: str, mean: Any, std: Any, usual_mean: Triple, usual_std: Triple) -> tuple[Triple, Triple]:
    """Return mean and deviation of red, green and blue, the usual ones where a file gives none."""
    try:
        (r, g, b) = usual_mean if mean is None else mean
        (sr, sg, sb) = usual_std if std is None else std
        mean, std = (float(r), float(g), float(b)), (float(sr), float(sg), float(sb))
    except (TypeError, ValueError):
        raise _unusable(source, "image_mean and image_std must be three numbers each") from None
    if not all(map(math.isfinite, mean + std)) or min(std) <= 0:
        raise _unusable(source, f"image_mean must be finite and image_std above zero, got {mean}, {std}")
    return mean, std


def _scale(source: str, values: Mapping[str, Any]) -> float:
    """Return by how much the checkpoint's rescaling differs from a division by 255."""
    factor = 1.0 if values.get("do_rescale") is False else values.get("rescale_factor", 1 / 255)
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < math.inf:
        raise _unusable(source, f"rescale_factor must be a number above zero, got {factor!r}")
    scale = 255.0 * factor
    return 1.0 if math.isclose(scale, 1, rel_tol=1e-6) else scale


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1 << 16


def _unusable(source: str, what: str) -> BackboneError:
    return BackboneError(f"preprocessor_config.json of {source!r}: {what}")
