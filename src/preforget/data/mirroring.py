"""Whether a mirrored picture still shows its class: known of some sets, guessed from names of classes and colour."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from preforget.data.dataset import Dataset, Split
from preforget.data.images import read_batch
from preforget.data.sounds import EXTENSIONS

WRITTEN = frozenset({"digits", "two-digits"})
"""Sets of ours whose pictures show digits."""

NO_RIGHT_WAY_ROUND = {"bloodmnist": "cells", "dermamnist": "skin"}
"""Published sets whose pictures have neither top nor side, by the beginning of their name."""

LOOKED_AT = 16
SIDE = 32
COLOURFUL = 6.0
"""From so large a mean difference between red and blue or green on, of 255, a picture has colour."""


@dataclass(frozen=True)
class Mirroring:
    """What is said of mirrored copies of the inputs of a data set, each empty if it isn't so.

    `refused`: why there can be none; `doubtful`: why a copy may show another class; `suggested`: why copies may help.
    """

    refused: str = ""
    doubtful: str = ""
    suggested: str = ""


def mirroring(data: Dataset) -> Mirroring:
    """Judge a data set by its name, its classes, and some of its pictures."""
    split = data.train
    if not are_pictures(split):
        return Mirroring(refused="only pictures can be mirrored, and these inputs are none")
    if data.name in WRITTEN:
        return Mirroring(refused=f"{data.name} are written, and a mirrored digit is another one or none")
    if all(len(label) == 1 for label in data.classes):
        return Mirroring(
            doubtful="classes are named by single letters or digits, which no mirror leaves as they are"
        )
    if any(re.search(r"\b(left|right)\b", label, re.IGNORECASE) for label in data.classes):
        return Mirroring(doubtful="names of classes hold left or right, which a mirror exchanges")
    for name, what in NO_RIGHT_WAY_ROUND.items():
        if data.name.startswith(name):
            return Mirroring(suggested=f"pictures of {what} have no right way round")
    if have_colour(split):
        return Mirroring(suggested="these are pictures with colours")
    return Mirroring()


def are_pictures(split: Split) -> bool:
    """Tell whether inputs are pictures."""
    inputs = split.inputs
    if isinstance(inputs, list):
        return not any(path.suffix.lower() in EXTENSIONS for path in inputs[:1])
    return isinstance(inputs, np.ndarray)


def have_colour(split: Split) -> bool:
    """Tell whether most of some pictures have colour; grey ones are often writing or radiographs."""
    count = min(LOOKED_AT, len(split))
    chosen = np.linspace(0, len(split) - 1, count).astype(int)
    pixels = read_batch(split.inputs, chosen, SIDE).astype(np.float64)
    apart = np.abs(pixels[..., [0, 0, 1]] - pixels[..., [1, 2, 2]]).mean(axis=(1, 2, 3))
    return bool(np.median(apart) > COLOURFUL)
