"""Inputs as they come over the wire, checked and brought to a form in which those of several requests can be joined."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from preforget.core.errors import DataError
from preforget.data import as_inputs
from preforget.data.dataset import Sounds
from preforget.data.embedded import EmbeddedFile
from preforget.data.images import FORMATS
from preforget.data.inputs import TEXTS, VECTORS
from preforget.data.sounds import decoded_samples
from preforget.data.texts import texts_of
from preforget.data.vectors import Vectors
from preforget.serve.problems import Problem
from preforget.serve.settings import Settings

SOUNDS = "sounds"
PICTURES = 4
"""How many pictures of the largest size one request may hold, or more that are smaller."""
UPLOADS = Path("request")
"""The folder that files of a request seem to lie in; it stands in messages alone."""


@dataclass(frozen=True, eq=False)
class Batchable:
    """Inputs of one request; those of equal `shape` can stand in one batch."""

    inputs: Any
    shape: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.inputs)

    def part(self, start: int, count: int) -> Any:
        """Return `count` of the inputs, from one on."""
        return self.inputs[slice(start, start + count)]


def joined(parts: Sequence[Any], rows: int) -> Any:
    """Return the inputs of several requests as one batch of exactly `rows`, filled up with copies of the last."""
    first = parts[0]
    missing = rows - sum(len(part) for part in parts)
    if isinstance(first, list):
        files = [file for part in parts for file in part]
        return files + files[-1:] * missing
    arrays = [_array(part) for part in parts]
    arrays += [arrays[-1][-1:]] * missing
    together = np.concatenate(arrays)
    if isinstance(first, Sounds):
        return Sounds(together, first.rate)
    return texts_of(list(together)) if together.dtype == object else together


def _array(part: Any) -> Any:
    if isinstance(part, Sounds):
        return part.waves
    return part if isinstance(part, np.ndarray) else part.values


def of_array(kind: str, array: Any, rate: int | None = None) -> Batchable:
    """Return numbers as inputs of a model that reads `kind`; raises `DataError`.

    Images come as whole numbers `[n, h, w]`, `[n, h, w, 1 or 3]` or with channels first, `[n, 1 or 3, h, w]`.
    """
    if kind == SOUNDS:
        if rate is None:
            raise DataError("sounds come with their sampling rate: the parameter 'rate', in Hz")
        sounds = Sounds(np.ascontiguousarray(array, dtype=np.float32), rate)
        return Batchable(sounds, (SOUNDS, sounds.waves.shape[1], rate))
    if kind == TEXTS:
        raise DataError("this model reads texts; send a tensor of BYTES")
    if kind == VECTORS:
        vectors = as_inputs(np.asarray(array), kind)
        values = np.asarray(vectors.values if isinstance(vectors, Vectors) else vectors)
        return Batchable(values, (VECTORS, *values.shape[1:], str(values.dtype)))
    if array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] not in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    pixels = np.asarray(as_inputs(np.ascontiguousarray(array), kind))
    return Batchable(pixels, ("pixels", *pixels.shape[1:]))


def of_files(kind: str, contents: Sequence[bytes], settings: Settings) -> Batchable:
    """Return encoded files, or texts, as inputs; raises `DataError`, and `Problem` for more than the settings allow.

    Nothing is decoded here, so that a small file which holds a huge picture or sound costs nothing.
    """
    if not contents:
        raise DataError("there are no inputs")
    if kind == TEXTS:
        if sum(map(len, contents)) > settings.most_text:
            raise Problem(413, f"the texts of a request have more than {settings.most_text:,} bytes together")
        try:
            texts = texts_of([content.decode("utf-8-sig") for content in contents])
        except UnicodeDecodeError:
            raise DataError("a text is no UTF-8") from None
        return Batchable(texts, (TEXTS,))
    if kind == VECTORS:
        raise DataError("this model reads rows of numbers; send a tensor of FP32")
    files = [EmbeddedFile.at(UPLOADS, str(number), content) for number, content in enumerate(contents)]
    if kind == SOUNDS:
        _check_samples(files, settings.most_samples)
        return Batchable(files, ("files",))
    most_pixels = settings.most_pixels
    if sum(_pixels(content, most_pixels) for content in contents) > PICTURES * most_pixels:
        raise Problem(
            413, f"the images of a request have more than {PICTURES * most_pixels:,} pixels together"
        )
    return Batchable(files, ("files",))


def _check_samples(files: Sequence[EmbeddedFile], most: int) -> None:
    """Raise `Problem` if sounds would decode to more than `most` samples: silence takes next to no bytes."""
    left = most
    for file in files:
        with contextlib.suppress(DataError):  # whoever reads it says so
            left -= decoded_samples(file, left)
        if left < 0:
            raise Problem(
                413, f"the sounds of a request have more than {most:,} samples together; send a part of them"
            )


def _pixels(content: bytes, most_pixels: int) -> int:
    """Return how many pixels an image says it has; raises `Problem` for too many, before they are decoded."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            width, height = picture.size
    except Image.DecompressionBombError:
        width, height = most_pixels, 2
    except (OSError, ValueError, SyntaxError):
        return 0  # no picture, or a broken one: whoever reads it says so
    if width * height > most_pixels:
        raise Problem(413, f"an image has more than {most_pixels:,} pixels, which this service doesn't read")
    return int(width * height)
