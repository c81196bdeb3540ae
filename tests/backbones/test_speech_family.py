"""What is particular to rows of speech; each row is compared in `test_family`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from preforget.backbones import Encoder, load_backbone
from preforget.core.errors import BackboneError, UsageError

from .tiny_families import write_tiny


def load(folder: Path, frames: int | None = None) -> Encoder:
    return load_backbone(str(folder), device="cpu", dtype="float32", image_size=frames)


def test_how_many_frames_are_read(tmp_path: Path) -> None:
    folder, _ = write_tiny(tmp_path, "whisper")
    assert load(folder).preprocessing.image_size == 60  # all that it has places for
    for wrong in (2, 41, 62, 30_004, True):  # 62 frames are no two windows of an even number
        with pytest.raises(UsageError, match="frames of 10 ms can't be read; give a number from 4 to 30000"):
            load(folder, wrong)
    assert [load(folder, frames).tokens for frames in (60, 80, 180)] == [30, 40, 90]


def test_another_rate_is_refused(tmp_path: Path) -> None:
    folder, _ = write_tiny(tmp_path, "hubert")
    (folder / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": 8000}))
    with pytest.raises(BackboneError, match="made for 8000 Hz"):
        load(folder)
