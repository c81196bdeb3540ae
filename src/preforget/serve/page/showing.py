"""An input shown back to who sent it, as a picture, a sound or a text within the page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import soundfile
from PIL import Image, ImageOps

from preforget.data.images import FORMATS
from preforget.data.inputs import TEXTS

LONGEST_SIDE = 720
"""Pixels of a picture that is shown back; a larger one is made smaller."""
MOST_SOUND = 8 * 2**20
"""Bytes of a sound that is played back."""
MOST_SAMPLES = 2**25
"""Samples of a sound whose loudness is drawn; silence packs so well that a small file can hold any number."""
BARS = 96
_SOUND_TYPES = (
    (b"RIFF", "audio/wav"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
)


@dataclass(frozen=True)
class Shown:
    """What was sent: `picture` and `sound` as data addresses, `wave` as heights of bars in 0..1, or `text`."""

    picture: str | None = field(default=None, repr=False)
    size: tuple[int, int] | None = None
    small: bool = False
    sound: str | None = field(default=None, repr=False)
    wave: list[float] = field(default_factory=list, repr=False)
    text: str | None = field(default=None, repr=False)


def shown_back(kind: str, content: bytes) -> Shown:
    """Return an input to be shown; empty for one that can't be read, which the model says by itself."""
    if kind == TEXTS:
        return Shown(text=content.decode("utf-8-sig", "replace"))
    if kind == "sounds":
        return _sound(content)
    return _picture(content) if kind == "images" else Shown()


def _picture(content: bytes) -> Shown:
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            size = opened.size
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return Shown()
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    file, small = io.BytesIO(), max(size) <= 128
    picture.save(file, "PNG" if small else "JPEG", quality=85)
    return Shown(_data("image/png" if small else "image/jpeg", file.getvalue()), size, small)


def _sound(content: bytes) -> Shown:
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            samples = file.read(MOST_SAMPLES // max(1, file.channels), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, ValueError):
        return Shown()
    media = next((media for mark, media in _SOUND_TYPES if content.startswith(mark)), None)
    played = _data(media, content) if media and len(content) <= MOST_SOUND else None
    return Shown(sound=played, wave=heights(samples))


def heights(samples: Any) -> list[float]:
    """Return the loudest sample of each of up to `BARS` parts `[0, 1]`, relative to the loudest of all."""
    loud = np.abs(samples).max(axis=1, initial=0.0)
    parts = [float(part.max()) for part in np.array_split(loud, BARS) if len(part)]
    most = max(parts, default=0.0) or 1.0
    return [round(part / most, 3) for part in parts]


def _data(media: str, content: bytes) -> str:
    return f"data:{media};base64,{base64.b64encode(content).decode()}"
