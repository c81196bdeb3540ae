from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import (
    DataError,
    NotFittedError,
    UsageError,
)
from preforget.data import Split, as_split
from preforget.data.labels import NamesJoinedWarning
from preforget.training.checkpoint import Checkpoint

from ..forked import Forked
from .tiny import CLASSES, Make, columns, data


@pytest.mark.parametrize("kind", ["none", "pair", "list", "split"])
def test_validation_data_in_every_form(make: Make, kind: str) -> None:
    pair = data(2, seed=1)
    given = {"none": None, "pair": pair, "list": list(pair), "split": as_split(*pair)}[kind]
    model = make().fit(*data(20), validation=given)
    counts = [model.engine_.bank[c].tensors["count"].item() for c in CLASSES]
    assert counts == ([3] * 4 if kind == "none" else [2] * 4)


def test_arrays_paths_and_splits_give_the_same_model(make: Make, tmp_path: Path) -> None:
    images, labels = data()
    paths = []
    for number, image in enumerate(images):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(image).save(paths[-1])
    models = [
        make().fit(images, labels),
        make().fit(images[..., None].repeat(3, axis=3), labels),
        make().fit([str(path) for path in paths], labels),
        make().fit(as_split(paths, labels)),
    ]
    assert all(columns(m, images) == columns(models[0], images) for m in models)
    assert np.array_equal(models[0].predict(paths), models[0].predict(images))


def test_splits_bring_their_labels(make: Make) -> None:
    split = as_split(*data())
    with pytest.raises(UsageError, match="leave y out"):
        make().fit(split, split.labels)
    assert isinstance(split, Split)
    assert make().fit(split).predict(split).shape == (24,)


def test_a_model_that_is_bound_to_a_folder_learns_once(saved: PreForgettableClassifier) -> None:
    with pytest.raises(UsageError, match="already learned"):
        saved.fit(*data())
    for label in CLASSES:
        saved.forget(label)
    with pytest.raises(UsageError, match="already learned"):
        saved.fit(*data())


def test_a_fit_that_fails_leaves_the_model_as_it_was(make: Make, tmp_path: Path) -> None:
    model, images = make(), data()[0]
    (tmp_path / "broken.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"broken\.png"):  # when all is learned and validation images are read
        model.fit(*data(), validation=([tmp_path / "broken.png"] * 4, CLASSES))
    with pytest.raises(NotFittedError):
        model.predict(images)
    before = columns(model.fit(*data()), images)
    assert before == columns(make().fit(*data()), images)
    with pytest.raises(DataError):
        model.fit(images, ["a"] * 24)
    one_hot = np.eye(4, dtype=int)[np.arange(24) % 4]
    one_hot[1:, 0] = 0  # a condition with one image is refused
    with pytest.raises(DataError):
        model.fit(images, one_hot)
    assert columns(model, images) == before


def test_a_model_in_memory_may_be_fitted_again(make: Make) -> None:
    model, images = make(), data()[0]
    model.fit(*data(6, CLASSES[:3])).forget("ant")
    assert model.fit(*data()).labels == CLASSES
    assert columns(model, images) == columns(make().fit(*data()), images)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"y": None}, UsageError, "labels are missing"),
        ({"y": ["a"] * 24}, DataError, "only one class"),
        ({"y": ["a"] * 23 + ["b"]}, DataError, "at least 2 inputs; 'b' has 1"),
        ({"y": ["a"] * 3}, DataError, "24 inputs but 3 labels"),
        ({"X": np.full((24, 8, 8), 0.5)}, DataError, "what is white isn't known"),
        ({"validation": data(2, CLASSES[:3])}, DataError, "no input of class 'dog'"),
        ({"validation": data(2)[0]}, UsageError, "validation is a Split or a pair"),
        ({"validation": "data"}, UsageError, "validation is a Split or a pair"),
        ({"keep_cache": True}, UsageError, "keep_cache needs cache_dir"),
    ],
)
def test_data_that_can_not_be_learned_from(
    make: Make, change: dict[str, Any], kind: type[Exception], message: str
) -> None:
    images, labels = data()
    model = make()
    with pytest.raises(kind, match=message):
        model.fit(**{"X": images, "y": labels, **change})
    assert not hasattr(model, "engine_")


def test_validation_needs_subjects_where_learning_has_them(tiny_vit: Path) -> None:
    model = PreForgettableClassifier(str(tiny_vit), "exact", 16, levels=1, device="cpu")
    with pytest.raises(UsageError, match="the validation data need them too"):
        model.fit(*data(), validation=data(2), subjects=["Ada"] * 24)


@pytest.mark.slow
def test_a_learning_that_is_killed_goes_on_to_the_same_bits(make: Make, tmp_path: Path) -> None:
    images, labels = data()
    options = {"epochs": 6, "batch_size": 4}
    checkpoint, cache, save = tmp_path / "c" / "checkpoint", tmp_path / "cache", Checkpoint.save

    def save_and_die(checkpoint: Checkpoint, parameters: Any, optimizer: Any, epochs: int) -> None:
        save(checkpoint, parameters, optimizer, epochs)
        if epochs == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    def learn() -> None:
        Checkpoint.save = save_and_die  # type: ignore[method-assign]
        make(**options).fit(images, labels, checkpoint=checkpoint, cache_dir=cache)

    assert Forked(learn).wait() == -signal.SIGKILL
    assert checkpoint.is_file()
    assert list(cache.iterdir()) == []
    resumed = make(**options).fit(images, labels, checkpoint=checkpoint)
    whole = make(**options).fit(images, labels)
    resumed.save_pretrained(tmp_path / "model")
    assert not checkpoint.exists()
    for name, tensor in whole.engine_.bank.packed.items():
        assert torch.equal(tensor, resumed.engine_.bank.packed[name])


def test_names_that_look_alike_are_refused_unless_they_are_kept() -> None:
    X = np.random.default_rng(0).normal(size=(16, 2))
    for y, who in (
        (["Cat", "cat"] * 8, None),
        (["a", "b"] * 8, ["Ann", "Ann", "ann\u200b", "ann\u200b"] * 4),
    ):
        model = PreForgettableClassifier("features", "exact")
        with pytest.raises(DataError, match="look alike"):
            model.fit(X, y, subjects=who)
        model.fit(X, y, subjects=who, keep_similar_names=True)
        assert len(model.labels) == 2


def test_the_same_name_in_two_encodings_is_one_class() -> None:
    X = np.random.default_rng(0).normal(size=(16, 2))
    with pytest.warns(NamesJoinedWarning, match="1 labels"):
        model = PreForgettableClassifier("features", "exact").fit(
            X, ["caf\u00e9", "cafe\u0301 ", "tea", "tea"] * 4
        )
    assert model.labels == ["caf\u00e9", "tea"]
    assert model.forget(" cafe\u0301").classes_left == 1
