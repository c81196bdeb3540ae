from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import preforget as pf
from preforget.core.errors import BackboneError, DataError, UsageError
from preforget.data import Sounds, texts_of

TEXTS = [f"{'a' * (i + 1)} {i}" for i in range(8)] + [f"{'z' * (i + 3)} {i}" for i in range(8)]
LABELS = ["a"] * 8 + ["z"] * 8


def counts(texts: list[str]) -> np.ndarray:
    return np.array([[text.count(sign) for sign in "ade tz"] for text in texts])


@pytest.mark.parametrize("engine", ["exact", "isolated"])
def test_a_function_of_texts_is_given_again_at_opening(tmp_path: Path, engine: str) -> None:
    encoder = pf.encoder_from(counts, "texts", name="counts")
    model = pf.PreForgettableClassifier(encoder, engine).fit(TEXTS, LABELS)
    model.save_pretrained(tmp_path / "m")
    assert model.folder.manifest.backbone["id"] == "outputs:counts"
    opened = pf.PreForgettableClassifier.from_pretrained
    again = opened(tmp_path / "m", backbone=pf.encoder_from(counts, "texts", name="counts"))
    np.testing.assert_array_equal(again.scores(TEXTS), model.scores(TEXTS))
    with pytest.raises(BackboneError, match=r"'outputs:counts' is a function that isn't stored"):
        opened(tmp_path / "m")
    other = pf.encoder_from(lambda texts: counts(texts) * 1.01, "texts", name="counts")
    with pytest.raises(BackboneError, match="outputs on the probe differ"):
        opened(tmp_path / "m", backbone=other)
    nearly = pf.encoder_from(lambda texts: counts(texts) * (1 + 1e-6), "texts", name="counts")
    assert opened(tmp_path / "m", backbone=nearly).labels == ["a", "z"]
    again.forget("a")
    assert again.labels == ["z"]


def test_modules_images_sounds_and_vectors() -> None:
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5))
    rows = np.random.default_rng(0).normal(size=(4, 6))
    assert (
        pf.encoder_from(module, "vectors", width=6).read(pf_vectors(rows), [1, 3]).tolist()
        == rows[[1, 3]].tolist()
    )
    pictures = np.random.default_rng(0).integers(0, 256, (3, 20, 20), dtype=np.uint8)
    encoder = pf.encoder_from(lambda x: x.mean(axis=(1, 2)), "images", side=8)
    assert encoder.read(pictures, [0, 2]).shape == (2, 3)
    sounds = Sounds(np.random.default_rng(0).normal(0, 0.1, (2, 800)).astype(np.float32), 8000)
    heard = pf.encoder_from(
        lambda waves: [[w.std(), len(w)] for w in waves], "sounds", rate=8000, seconds=0.05
    )
    assert heard.read(sounds, [1])[0, 1] == 400


def pf_vectors(rows: np.ndarray) -> Any:
    from preforget.data import Vectors

    return Vectors(rows)


def test_the_width_of_inputs_is_that_which_the_function_is_given() -> None:
    X, y = np.random.default_rng(0).normal(size=(20, 5)), [0, 1] * 10
    encoder = pf.encoder_from(lambda x: np.asarray(x)[:, :2], "vectors", width=5)
    model = pf.PreForgettableClassifier(encoder, "exact").fit(X, y)
    assert model.n_features_in_ == 5
    assert model.predict(X).shape == (20,)


def test_an_output_of_transformers() -> None:
    from types import SimpleNamespace

    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return SimpleNamespace(last_hidden_state=x[:, None].expand(-1, 3, -1), pooler_output=None)

    rows = np.ones((2, 4))
    assert pf.encoder_from(Model(), "vectors", width=4).read(pf_vectors(rows), [0]).tolist() == [[1.0] * 4]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: [1.0], r"returned \(1,\) for 3 inputs"),
        (lambda x: "none", "returned no array of numbers"),
        (lambda x: [[float("nan")]] * 3, "rows of finite numbers"),
    ],
)
def test_what_can_not_be_a_backbone(function: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        pf.encoder_from(function, "texts")


def test_other_misuse() -> None:
    with pytest.raises(UsageError, match="reads must be images"):
        pf.encoder_from(counts, "films")
    with pytest.raises(UsageError, match="needs width"):
        pf.encoder_from(counts, "vectors")
    encoder = pf.encoder_from(lambda texts: [[1.0]] * min(3, len(texts)), "texts")
    with pytest.raises(DataError, match=r"returned .* for 4 inputs"):
        encoder.read(texts_of(["a"] * 4), range(4))
    with pytest.raises(DataError, match="reads texts, and these inputs are something else"):
        encoder.read(np.zeros((1, 2, 2), dtype=np.uint8), [0])
    with pytest.raises(UsageError, match="isn't pickled"):
        pickle.dumps(encoder)
