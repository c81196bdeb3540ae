"""Sounds, and several labels per input, through the commands."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from preforget.cli.main import main
from preforget.data.synthetic_sounds import RATE, utter, voice


def command(capsys: pytest.CaptureFixture[str], *args: object) -> dict[str, object]:
    code = main([*map(str, args), "--json"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    found: dict[str, object] = json.loads(shown.out)
    return found


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Pictures in which the left half is light for "left", the upper half for "upper"."""
    rng = np.random.default_rng(0)
    with (tmp_path / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "left", "upper"])
        for number in range(60):
            pixels = rng.integers(0, 60, (16, 16), dtype=np.uint8)
            left, upper = number % 2, number // 2 % 2
            pixels[:, :8] += np.uint8(100 * left)
            pixels[:8] += np.uint8(80 * upper)
            Image.fromarray(pixels).save(tmp_path / f"{number}.png")
            writer.writerow([f"{number}.png", left, upper])
    return tmp_path / "table.csv"


@pytest.mark.parametrize("engine", ["exact", "isolated"])
def test_learn_predict_and_forget_a_condition(
    table: Path, tiny_vit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: str
) -> None:
    place = tmp_path / "model"
    common = ("--backbone", tiny_vit, "--device", "cpu")
    options = ("--epochs", 8) if engine == "isolated" else ("--levels", 1)
    found = command(
        capsys, "learn", table, "--out", place, "--engine", engine, "--image-size", 16, *common, *options
    )
    assert found["engine"] == f"{engine}-multilabel"
    assert found["classes"] == ["left", "upper"]
    assert found["mean_average_precision"] > 0.7
    before = command(capsys, "predict", place, tmp_path / "3.png", tmp_path / "0.png", *common)
    one = before["predictions"][0]
    shown = {"path", "answer", "answers", "abstained", "probability", "probabilities"}
    assert set(one) == shown | {"confidence", "threshold", "p_none"}
    assert set(one["probabilities"]) == {"left", "upper"}
    assert one["answer"] is None or one["answer"] in one["answers"]
    assert main(["predict", str(place), str(tmp_path / "3.png"), *map(str, common)]) == 0
    line = capsys.readouterr().out
    assert "left 0." in line or "left 1." in line
    assert command(capsys, "classes", place)["classes"] == [
        {"label": label, "state": "live"} for label in ("left", "upper")
    ]
    gone = command(capsys, "forget", place, "left", "--yes")
    assert gone["classes"] == ["upper"]
    assert gone["forgotten"][0]["classes_left"] == 1
    after = command(capsys, "predict", place, tmp_path / "3.png", tmp_path / "0.png", *common)
    for old, new in zip(before["predictions"], after["predictions"], strict=True):
        assert new["probabilities"] == {"upper": old["probabilities"]["upper"]}


def test_sounds_with_broken_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("rise", "hiss"):
        (tmp_path / "data" / kind).mkdir(parents=True)
        rng = np.random.default_rng(0)
        for take in range(8):
            soundfile.write(
                tmp_path / "data" / kind / f"{take}.ogg", utter(kind, voice("bass", 0), rng), RATE
            )
    (tmp_path / "data" / "hiss" / "broken.wav").write_bytes(b"")
    args = ["learn", str(tmp_path / "data"), "--out", str(tmp_path / "m"), "--engine", "exact"]
    args += ["--backbone", "builtin-audio", "--image-size", "32", "--device", "cpu"]
    assert main(args) == 1
    assert "broken.wav: empty file" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()
    assert main([*args, "--skip-broken", "--json"]) == 0
    shown = capsys.readouterr()
    assert "skipped" in shown.err
    assert "broken.wav: empty file" in shown.err
    assert json.loads(shown.out)["classes"] == ["hiss", "rise"]
    found = command(capsys, "predict", tmp_path / "m", tmp_path / "data" / "rise", "--device", "cpu")
    assert len(found["predictions"]) == 8
    assert set(found["predictions"][0]["probabilities"]) == {"hiss", "rise"}
