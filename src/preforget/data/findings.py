"""Drawn pictures with several findings at once, of several subjects: many labels without a download."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from preforget.core.seeds import derive_seed
from preforget.data.dataset import Dataset, Split, label_array
from preforget.data.registry import DATASETS, DataOptions, NamedSet
from preforget.data.splits import stratified_split, unit_names

SIDE = 32
SUBJECTS = 60
EACH = 20
"""Pictures of one subject."""

FINDINGS = ("bar", "disc", "grid", "ring", "spots")
SHARE = 0.3
FRACTIONS = (0.60, 0.15, 0.25)

Picture = npt.NDArray[np.float64]


def load_findings(seed: int = 0, *, subjects: bool = False) -> Dataset:
    """Return 1,200 grey pictures, `[n, 32, 32]`, each with none to five of `FINDINGS` on its subject's own background.

    Each finding occurs in 30 % of the pictures, independently. `subjects`: whether to name each picture's subject.
    Split 60/15/25 within each subject, by `seed`.
    """
    pictures, labels, names = [], [], []
    for number in range(SUBJECTS):
        name = f"subject-{number:02d}"
        rng = np.random.default_rng(derive_seed(seed, "findings", name))
        ground = _background(rng)
        for _ in range(EACH):
            present = [finding for finding in FINDINGS if rng.random() < SHARE]
            picture = ground + rng.normal(0, 12, (SIDE, SIDE))
            for finding in present:
                _draw(picture, finding, rng)
            pictures.append(np.clip(picture, 0, 255).astype(np.uint8))
            labels.append(tuple(present))
            names.append(name)
    whole = Split(np.stack(pictures), label_array(labels), label_array(names))
    parts = [whole.select(part) for part in stratified_split(unit_names(whole), FRACTIONS, seed)]
    if not subjects:
        parts = [Split(part.inputs, part.labels) for part in parts]
    note = f"{len(whole):,} drawn pictures of {SUBJECTS} subjects with up to {len(FINDINGS)} findings; seed {seed}"
    train, validation, test = parts
    return Dataset("findings", train, validation, test, FINDINGS, note)


@DATASETS.register("findings")
class Findings(NamedSet):
    """The findings by their name."""

    def load(self, options: DataOptions) -> Dataset:
        """Return the pictures, drawn and split by the seed."""
        return load_findings(options.seed)


def _background(rng: np.random.Generator) -> Picture:
    """Return the smooth background of one subject."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    a, b = rng.uniform(-40, 40, 2)
    return np.asarray(90 + a * (x - 0.5) + b * (y - 0.5) + 15 * np.sin(6 * x * rng.uniform(0.5, 1.5)))


def _draw(picture: Picture, finding: str, rng: np.random.Generator) -> None:
    """Draw one finding into a picture, at a random position and of a random size."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    top, left = rng.integers(6, SIDE - 6, 2)
    apart = np.hypot(y - top, x - left)
    size, light = rng.uniform(3.5, 6.0), rng.uniform(50, 110)
    if finding == "bar":
        picture[np.abs(y - top) < 2] += light
    elif finding == "disc":
        picture[apart < size] += light
    elif finding == "grid":
        picture[((y % 4 == 0) | (x % 4 == 0)) & (apart < 9)] -= 0.7 * light
    elif finding == "ring":
        picture[np.abs(apart - size - 2) < 1.2] += light
    else:
        for spot in rng.integers(2, SIDE - 2, (9, 2)):
            picture[spot[0] : spot[0] + 2, spot[1] : spot[1] + 2] -= light
