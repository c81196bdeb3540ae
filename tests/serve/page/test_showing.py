from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from preforget.serve.page import showing
from preforget.serve.page.showing import BARS, LONGEST_SIDE, Shown, heights, shown_back


def picture(width: int, height: int, form: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(file, form)
    return file.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP"])
def test_a_picture_is_made_anew_and_not_too_large(form: str) -> None:
    shown = shown_back("images", picture(1440, 900, form))
    assert shown.picture is not None
    assert (shown.size, shown.small) == ((1440, 900), False)
    head, _, data = shown.picture.partition(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as again:
        assert again.size == (LONGEST_SIDE, 450)
    small = shown_back("images", picture(32, 20, form))
    assert small.small
    assert small.picture is not None
    assert small.picture.startswith("data:image/png")


@pytest.mark.parametrize("kind", ["images", "sounds"])
def test_what_cannot_be_read_is_not_shown(kind: str) -> None:
    assert shown_back(kind, b"<svg onload=alert(1)>") == Shown()


def test_a_sound_is_drawn_and_can_be_played() -> None:
    file = io.BytesIO()
    wave = np.concatenate([np.zeros(4000), 0.5 * np.sin(np.arange(4000))]).astype(np.float32)
    soundfile.write(file, wave, 8000, format="WAV")
    shown = shown_back("sounds", file.getvalue())
    assert shown.sound is not None
    assert shown.sound.startswith("data:audio/wav")
    assert len(shown.wave) == BARS
    assert (max(shown.wave), shown.wave[0]) == (1.0, 0.0)
    assert heights(np.zeros((10, 1))) == [0.0] * 10


def test_a_text_is_itself_and_nothing_is_in_the_repr() -> None:
    shown = shown_back("texts", "\ufeffIch wär’s".encode())
    assert shown.text == "Ich wär’s"
    assert "wär" not in repr(shown)


def test_of_a_long_sound_the_beginning_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "MOST_SAMPLES", 200)
    file = io.BytesIO()
    soundfile.write(file, np.r_[np.full(200, 0.5), np.full(10_000, 1.0)], 8000, format="WAV")
    assert shown_back("sounds", file.getvalue()).wave == [1.0] * BARS
