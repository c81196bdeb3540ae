"""The examples run on a small corpus of real files, given by its path."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from preforget.data.synthetic_sounds import RATE, utter, voice


def load(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(folder: Path, kind: str, name: str, count: int) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for take in range(count):
        soundfile.write(folder / f"{take}.flac", utter(kind, voice(name, 0), rng), RATE)


def test_each_speaker_a_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("bass", "flute", "horn"):
        write(tmp_path / name, "beep", name, 8)
    load("speakers").main([str(tmp_path), "--forget", "flute", "--frames", "32"])
    out = capsys.readouterr().out
    assert "3 speakers, accuracy" in out
    assert "answered with the forgotten name: 0 times" in out


def test_each_speaker_a_subject(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("rise", "hiss"):
        for name in ("bass", "flute"):
            write(tmp_path / kind / name, kind, name, 8)
    assert load("speaker_subjects").main([str(tmp_path), "--forget", "bass", "--frames", "32"]) == 0
    assert "EQUAL to retraining without the speaker" in capsys.readouterr().out
