"""Whisper, wav2vec 2.0 and HuBERT against the library's own models, on random checkpoints of two blocks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from preforget.backbones import Encoder, class_path, load_backbone
from preforget.backbones.checked import REFERENCES, checked, deviation
from preforget.backbones.speech_families import WAVES
from preforget.core.errors import BackboneError, UsageError

from .tiny_families import SPEECH, write_tiny


def load(folder: Path, frames: int | None = None) -> Encoder:
    return load_backbone(str(folder), device="cpu", dtype="float32", image_size=frames)


def test_every_row_is_tested() -> None:
    assert {*WAVES, "whisper"} == {name.split()[0] for name in SPEECH}
    assert set(REFERENCES) >= {*WAVES, "whisper"}


@pytest.mark.parametrize("name", list(SPEECH))
def test_as_the_library_computes(tmp_path: Path, name: str) -> None:
    folder, model = write_tiny(tmp_path, name)
    encoder = load(folder, 40)
    inputs = encoder.noise(2)
    states = encoder.states(inputs, slice(0, None))
    assert states.shape == (2, 3, encoder.tokens, 24)
    assert (encoder.prefix, encoder.kind) == (0, "sounds")
    class_path_is_one_more_token(encoder, model.layers if name == "whisper" else model.encoder.layers)
    assert deviation(encoder, model) < 2e-6
    assert checked(encoder).identity.checked < 2e-6


@torch.no_grad()
def class_path_is_one_more_token(encoder: Encoder, layers: nn.ModuleList) -> None:
    inputs = encoder.noise(2)
    z = torch.randn(2, 3, 1, encoder.dim, generator=torch.Generator().manual_seed(0))
    wanted = z[:, :, 0]
    nothing = {"offsets": torch.zeros(3, 1, encoder.dim)}
    for block, layer, (h, keys, values) in zip(encoder.blocks, layers, encoder.walk(inputs), strict=False):
        z = class_path.advance(block, z, nothing, *class_path.side_by_side(keys, values))
        rows = []
        for i in range(3):
            out = layer(torch.cat([wanted[:, [i]], h], dim=1), attention_mask=None)
            rows.append((out[0] if isinstance(out, tuple) else out)[:, 0])
        wanted = torch.stack(rows, dim=1)
        assert (z[:, :, 0] - wanted).abs().max() < 2e-6 * wanted.abs().max()


def test_how_many_frames_are_read(tmp_path: Path) -> None:
    folder, _ = write_tiny(tmp_path, "whisper")
    assert load(folder).preprocessing.image_size == 60  # all that it has places for
    for wrong in (2, 41, 62, True):
        with pytest.raises(UsageError, match="frames of 10 ms can't be read; give a number from 4 to 60"):
            load(folder, wrong)


def test_another_rate_is_refused(tmp_path: Path) -> None:
    folder, _ = write_tiny(tmp_path, "hubert")
    (folder / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": 8000}))
    with pytest.raises(BackboneError, match="made for 8000 Hz"):
        load(folder)
