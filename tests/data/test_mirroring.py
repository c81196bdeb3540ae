from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from preforget.data import Split, Vectors
from preforget.data.dataset import Dataset, Images, label_array
from preforget.data.mirroring import Mirroring, are_pictures, have_colour, mirroring
from preforget.data.texts import texts_of

GREY = np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)
RED = np.stack([GREY, GREY // 2, GREY // 4], axis=-1)


def data(inputs: Images, classes: tuple[str, ...] = ("cat", "dog"), name: str = "pets") -> Dataset:
    labels = label_array([classes[number % len(classes)] for number in range(len(inputs))])
    return Dataset(name, *[Split(inputs, labels)] * 3, classes, "")


@pytest.mark.parametrize(
    ("one", "which"),
    [
        (data(RED), "suggested"),
        (data(GREY), ""),
        (data(np.stack([GREY] * 3, axis=-1)), ""),
        (data(GREY, name="bloodmnist_64"), "suggested"),
        (data(RED, ("a", "b")), "doubtful"),
        (data(RED, ("kidney-left", "heart")), "doubtful"),
        (data(RED, ("copyright", "heart")), "suggested"),
        (data(GREY, name="digits"), "refused"),
        (data(Vectors(np.ones((6, 3)))), "refused"),
        (data(texts_of(["a cat", "two dogs"] * 3)), "refused"),
        (data([Path(f"{n}.WAV") for n in range(6)]), "refused"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_at_most_one_thing_is_said(one: Dataset, which: str) -> None:
    said = mirroring(one)
    assert {name: bool(text) for name, text in vars(said).items()} == {
        name: name == which for name in vars(Mirroring())
    }


def test_pictures_and_colour(tmp_path: Path) -> None:
    labels = label_array(["cat"] * 6)
    assert are_pictures(Split([tmp_path / "x.png"] * 6, labels))
    mixed = np.stack([GREY] * 3, axis=-1)
    mixed[:2] = RED[:2]  # most decide
    assert not have_colour(Split(mixed, labels))
    assert have_colour(Split(RED, labels))
