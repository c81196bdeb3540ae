from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from preforget.backbones.init_ast import AudioShape, init_ast
from preforget.core.errors import StoreError, UnknownLabelError
from preforget.demo.run import free_folder, is_proven, peak_memory_mb, run

from .conftest import Thin

NEEDED = (
    *("accuracy_before", "accuracy_retained_before", "accuracy_retained_after", "forgotten_answered"),
    *("forgotten_abstained", "retained_abstained", "auroc", "forget_ms", "learn_seconds", "seconds"),
    *("retained_scores_identical", "accuracy_after_adding_back", "sequence", "peak_memory_mb", "classes"),
)


def test_the_whole_demo_on_a_tiny_backbone(tiny_vit: Path, tmp_path: Path, thin: Thin) -> None:
    thin(2)
    lines: list[str] = []
    out = tmp_path / "out"
    result = run(
        out,
        say=lines.append,
        start=time.perf_counter(),
        forget="7",
        backbone=str(tiny_vit),
        epochs=6,
        device="cpu",
        dtype="float32",
    )
    assert set(NEEDED) <= set(result)
    assert is_proven(result)
    assert result["forgotten"] == "7"
    assert [step["label"] for step in result["sequence"]] == ["1", "4"]
    assert result["classes"] == [d for d in "0123456789" if d not in "14"]
    assert result["accuracy_before"] > 0.5
    assert result["accuracy_retained_after"] >= result["accuracy_retained_before"]
    assert result["auroc"] > 0.5
    assert json.loads((out / "demo.json").read_text()) == result
    assert sorted(p.name for p in out.iterdir()) == ["demo.json", "demo.png", "model"]
    assert len(list((out / "model" / "records").iterdir())) == 8 + 1  # and the scores of validation images
    assert [line[:2] for line in lines if line[1:2] == "."] == ["1.", "2.", "3.", "4.", "5."]


@pytest.mark.slow
def test_the_builtin_backbone(tmp_path: Path, thin: Thin) -> None:
    thin(9)
    result = run(tmp_path, say=lambda line: None, start=time.perf_counter(), epochs=1)
    assert is_proven(result)
    assert result["backbone"] == "builtin"
    assert result["auroc"] > 0.7
    assert result["picture"] == str(tmp_path / "demo.png")


def test_what_is_no_digit_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UnknownLabelError, match="no class 'three'"):
        run(tmp_path / "out", say=print, start=0.0, forget="three")
    assert list(tmp_path.iterdir()) == []


def test_earlier_models_stay(tmp_path: Path) -> None:
    assert free_folder(tmp_path / "out") == tmp_path / "out" / "model"
    (tmp_path / "out" / "model").mkdir()
    (tmp_path / "out" / "model-2").symlink_to("nowhere")
    assert free_folder(tmp_path / "out") == tmp_path / "out" / "model-3"


def test_a_place_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match="choose another with --out"):
        free_folder(tmp_path / "file")


def test_any_broken_promise_is_found() -> None:
    step = {"retained_scores_identical": True, "forgotten_answered": 0}
    kept = {
        **step,
        "sequence": [step],
        "reloaded_scores_identical": True,
        "scores_identical_after_adding_back": True,
    }
    assert is_proven(kept)
    for name in (
        "reloaded_scores_identical",
        "scores_identical_after_adding_back",
        "retained_scores_identical",
    ):
        assert not is_proven({**kept, name: False})
    assert not is_proven({**kept, "forgotten_answered": 1})
    assert not is_proven({**kept, "sequence": [step, {**step, "forgotten_answered": 1}]})


def test_peak_memory_is_in_megabytes() -> None:
    peak = peak_memory_mb()
    assert peak is None or 50 < peak < 100_000


@pytest.mark.slow
def test_the_same_story_with_sounds(tiny_vit: Path, tmp_path: Path, thin: Thin) -> None:
    thin(7)
    lines: list[str] = []
    init_ast(str(tiny_vit), tmp_path / "ast", AudioShape(frames=96, bins=32))
    result = run(
        tmp_path,
        say=lines.append,
        start=time.perf_counter(),
        modality="audio",
        backbone=str(tmp_path / "ast"),
        epochs=1,
        dtype="float32",
    )
    assert is_proven(result)
    assert (result["modality"], result["forgotten"]) == ("audio", "siren")
    assert [step["label"] for step in result["sequence"]] == ["bell", "rise"]
    assert (tmp_path / "demo.png").is_file()
    assert " clips of synthesised sounds." in lines[0]
    assert not any("digit" in line or "image" in line for line in lines)
