from __future__ import annotations

import warnings

import numpy as np
import pytest

from preforget.data import Split, as_split
from preforget.data.odd_arrays import OddInputsWarning, warn_of_odd
from preforget.data.vectors import Vectors


def said_of(parts: dict[str, Split]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_odd(parts)
    assert all(warning.category is OddInputsWarning for warning in caught)
    return [str(warning.message) for warning in caught]


@pytest.fixture
def pictures() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 250, (8, 5, 5), dtype=np.uint8)
    return coarse.repeat(6, axis=1).repeat(6, axis=2)


def test_nothing_is_said_of_usual_pictures_and_of_copies_within_a_class(pictures: np.ndarray) -> None:
    pictures[5] = pictures[4]
    assert said_of({"X": as_split(pictures, list("aaaabbbb"))}) == []
    assert said_of({"X": as_split(Vectors(np.zeros((2, 3))), ["a", "b"], kind="vectors")}) == []


def test_pictures_of_one_colour(pictures: np.ndarray) -> None:
    pictures[3] = 250
    assert said_of({"X": as_split(pictures, list("aaaabbbb"))}) == [
        "1 of 8 images (12.5 %) are of one colour all over, such as X[3]"
    ]


@pytest.mark.parametrize(("change", "kind"), [(0, "same content"), (1, "look")])
def test_alike_in_two_classes_of_two_persons_and_in_two_parts(
    pictures: np.ndarray, change: int, kind: str
) -> None:
    pictures[5] = pictures[1] + change
    (said,) = said_of({"X": as_split(pictures, list("aaaabbbb"))})
    assert kind in said
    assert "1 in several classes" in said
    assert said.endswith("such as X[1] and X[5]")
    (said,) = said_of({"X": as_split(pictures, ["a"] * 8, list("ppppqqqq"))})
    assert "1 of several persons" in said
    (said,) = said_of(
        {"X": as_split(pictures[:4], list("aabb")), "validation": as_split(pictures[4:], list("aabb"))}
    )
    assert "1 in several parts of the split" in said
    assert said.endswith("such as X[1] and validation[1]")
