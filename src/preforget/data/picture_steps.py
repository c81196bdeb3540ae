"""Bring a picture of any shape to the square of pixels that a backbone reads: resize it, cut out its middle.

What `preprocessor_config.json` says of these steps, computed as the processors of transformers on Pillow do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor

from preforget.core.errors import DataError, UsageError
from preforget.core.paths import shortened

MOST_RESIZED = 2**26
"""Pixels of a resized picture: a strip one pixel wide would become one of any length by its shorter side."""

AUTO = "auto"
"""The background that depends on the picture."""
LAST_AXIS = 2
"""From bottom to top."""

FILTERS = {int(each): each.name.lower() for each in Image.Resampling}
"""Names of the filters that pictures are resized with, by Pillow's numbers."""


@dataclass(frozen=True)
class PictureSteps:
    """How a picture is brought to `side` x `side` pixels.

    Args:
        height: Rows that it is resized to; where `shortest`, pixels of its shorter side; 0: it isn't resized.
        width: Columns that it is resized to; the same as `height` where `shortest`.
        shortest: Whether the other side follows the picture's own shape.
        crop: Side of the square that is cut from the middle, with black where the picture is smaller; 0: all is kept.
        resample: The filter's name, one of `FILTERS`; all of them look at every pixel when they shrink.
        reverse: Whether colours come as blue, green, red.
        unrounded: Whether resized pixels are not rounded to whole numbers.
        background: The colour on which transparent pixels are put, a name or `#rrggbb`; `AUTO`: white, or black where
            what is visible is nearly white.
        axis: Across which axis of a volume, in RAS+, its middle slice is taken: 0, 1 or 2.
        even: Whether a middle that lies between two pixels is the even one, as in torchvision, and not the lower one.
    """

    height: int
    width: int
    shortest: bool = False
    crop: int = 0
    resample: str = "bicubic"
    reverse: bool = False
    unrounded: bool = False
    background: str = AUTO
    axis: int = LAST_AXIS
    even: bool = False

    def __post_init__(self) -> None:
        if self.axis not in (0, 1, LAST_AXIS) or isinstance(self.axis, bool):
            raise UsageError(f"axis {self.axis!r} of a volume must be 0, 1 or 2")
        colour_of(self.background)

    @classmethod
    def squash(cls, side: int) -> PictureSteps:
        """Return what models that say nothing of their steps were learned with: a square, bicubic, of any shape."""
        return cls(side, side)

    @property
    def side(self) -> int:
        """The side of the square, in pixels."""
        return self.crop or self.height

    def at(self, side: int) -> PictureSteps:
        """Return the same steps to a square of another side; the same share is cut off."""
        if side == self.side:
            return self
        height, width = (round(length * side / self.side) for length in (self.height, self.width))
        return replace(self, height=height, width=width, crop=side if self.crop else 0)

    def as_dict(self) -> dict[str, Any]:
        """Return the steps as plain values, without the last three where they are as in earlier versions."""
        values = asdict(self)
        usual = {"background": AUTO, "axis": LAST_AXIS, "even": False}
        return {name: value for name, value in values.items() if name not in usual or value != usual[name]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PictureSteps:
        """Return the steps that `as_dict` gave."""
        return cls(**values)

    def apply(self, picture: Image.Image) -> npt.NDArray[Any]:
        """Return `[side, side, 3]` of an RGB or grey picture, `uint8`, or `float32` in 0..255 where unrounded."""
        pixels = self._resized(picture)
        if self.crop:
            pixels = middle(pixels, self.crop, even=self.even)
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[:, :, None], 3, axis=2)
        return pixels[:, :, ::-1] if self.reverse else pixels

    def _resized(self, picture: Image.Image) -> npt.NDArray[Any]:
        width, height = self._size_of(picture)
        method = Image.Resampling[self.resample.upper()]
        if not self.unrounded:
            if picture.size != (width, height):
                picture = picture.resize((width, height), method)
            return np.asarray(picture)
        bands = [band.convert("F").resize((width, height), method) for band in picture.split()]
        return np.stack([np.asarray(band) for band in bands], axis=2)

    def _size_of(self, picture: Image.Image) -> tuple[int, int]:
        """Return columns and rows of a picture once it is resized."""
        if not self.height:
            return picture.size
        if not self.shortest:
            return self.width, self.height
        short, long = sorted(picture.size)
        other = int(self.height * long / short)
        if other * self.height > MOST_RESIZED:
            raise DataError(
                f"a picture of {picture.width:,} x {picture.height:,} pixels is too narrow to be resized by its "
                "shorter side; cut it first"
            )
        return (self.height, other) if picture.width <= picture.height else (other, self.height)


def colour_of(background: str) -> tuple[int, int, int] | None:
    """Return red, green and blue of a colour's name or `#rrggbb`, None for `AUTO`; raises `UsageError`.

    >>> colour_of("white"), colour_of("#102030"), colour_of(AUTO)
    ((255, 255, 255), (16, 32, 48), None)
    """
    if background == AUTO:
        return None
    try:
        return ImageColor.getrgb(background)[:3]
    except (ValueError, AttributeError, TypeError):
        raise UsageError(
            f"background {shortened(repr(background))} is no colour; give a name such as white, or #rrggbb, or auto"
        ) from None


def middle(pixels: npt.NDArray[Any], side: int, *, even: bool = False) -> npt.NDArray[Any]:
    """Cut a square from the middle of `[h, w]` or `[h, w, channels]`; zeros are added where it is smaller.

    `even`: see `PictureSteps`.
    """
    height, width = pixels.shape[:2]
    if height < side or width < side:
        tall, wide = max(height, side), max(width, side)
        top, left = -(-(tall - height) // 2), -(-(wide - width) // 2)
        around = [(top, tall - height - top), (left, wide - width - left)]
        pixels = np.pad(pixels, around + [(0, 0)] * (pixels.ndim - 2))
        height, width = tall, wide
    top, left = (height - side) // 2, (width - side) // 2
    if even:
        top, left = round((height - side) / 2), round((width - side) / 2)
    return pixels[top : top + side, left : left + side]
