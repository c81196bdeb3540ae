"""Every engine learns, answers, forgets and comes back from disk on sounds, unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preforget.backbones.init_ast import AudioShape, init_ast
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import BackboneError, DataError
from preforget.data import Sounds, Split
from preforget.data.dataset import label_array
from preforget.data.synthetic_sounds import RATE, utter, voice
from preforget.store import ModelFolder

KINDS = ("hiss", "knock", "rise")


def clips(each: int, seed: int = 0) -> Split:
    rng = np.random.default_rng(seed)
    labels = [kind for kind in KINDS for _ in range(each)]
    waves = np.stack([utter(kind, voice("bass", 0), rng)[: RATE // 2] for kind in labels])
    return Split(Sounds(waves, RATE), label_array(labels))


@pytest.fixture(scope="module")
def ast(tiny_vit: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("ast") / "ast"
    init_ast(str(tiny_vit), place, AudioShape(frames=48, bins=32))
    return str(place)


@pytest.mark.parametrize(
    ("engine", "options"),
    [("isolated", {"epochs": 12, "batch_size": 8}), ("exact", {"levels": 2}), ("paper", {"epochs": 12})],
)
def test_learn_forget_and_come_back(ast: str, tmp_path: Path, engine: str, options: dict[str, Any]) -> None:
    train, test = clips(16), clips(6, seed=1)
    model = PreForgettableClassifier(ast, engine, device="cpu", dtype="float32", **options).fit(train)
    scores = model.scores(test.inputs)
    guesses = np.array(model.labels, dtype=object)[scores.argmax(axis=1)]
    assert (guesses == test.labels).mean() > 0.6
    model.save_pretrained(tmp_path / "m")
    model.forget("knock")
    assert "knock" not in model.predict(test.inputs).tolist()
    if engine == "isolated":
        assert model.scores(test.inputs).tobytes() == np.ascontiguousarray(scores[:, [0, 2]]).tobytes()
    again = PreForgettableClassifier.from_pretrained(tmp_path / "m", device="cpu")
    assert again.scores(test.inputs).tobytes() == model.scores(test.inputs).tobytes()


def test_features_of_another_implementation_are_not_mixed_in(ast: str, tmp_path: Path) -> None:
    model = PreForgettableClassifier(ast, "exact", device="cpu", dtype="float32", levels=2).fit(clips(6))
    model.save_pretrained(tmp_path / "m")
    folder = ModelFolder.open(tmp_path / "m")
    backbone = folder.manifest.backbone
    assert backbone["architecture"] == "audio-spectrogram-transformer/numpy"
    other = {**backbone, "architecture": "audio-spectrogram-transformer/torchaudio"}
    folder.commit("copy", {}, backbone=other)
    with pytest.raises(BackboneError, match="architecture differs"):
        PreForgettableClassifier.from_pretrained(tmp_path / "m", device="cpu")


def test_images_are_refused(ast: str) -> None:
    model = PreForgettableClassifier(ast, "exact", device="cpu", levels=2)
    with pytest.raises(DataError, match="reads sounds, and these are images"):
        model.fit(np.arange(128, dtype=np.uint8).reshape(8, 4, 4), ["a", "b"] * 4)
