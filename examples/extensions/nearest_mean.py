"""An engine of your own: a class is the mean of its CLS states (Mensink et al., "Distance-Based Image Classification").

Nothing is trained and no record depends on another, so forgetting a class leaves what would be there without it. To
have the engine in every process and on the command line, put this file into a package of yours and name it in its
pyproject.toml:

    [project.entry-points."preforget.engines"]
    nearest_mean = "your_package.nearest_mean"

Then `preforget learn DATA --engine nearest_mean --out model` works. In a program of yours `import nearest_mean` is
enough; `engine=NearestMean(scale=2.0)` gives it options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from preforget.core.guarantee import Guarantee
from preforget.core.options import option
from preforget.data import Split
from preforget.data.dataset import Images
from preforget.engines import ENGINES, EngineOptions, PromptEngine, Scores, Session


@dataclass(frozen=True)
class NearestMean(EngineOptions):
    """Options of the nearest-mean engine."""

    scale: float = option(1.0, "how much a distance counts for the probability of a class", "X")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_numbers(scale=(1e-6, 1e6))


@ENGINES.register("nearest_mean")
class NearestMeanEngine(PromptEngine):
    """A class scores minus the squared distance of an input to its mean."""

    guarantee: ClassVar[Guarantee] = Guarantee.PARAMETRIC
    meaning: ClassVar[str] = "The mean of the class is deleted, and nothing else was made from its data."
    not_claimed: ClassVar[tuple[str, ...]] = (
        "How far an input lies from the means of the other classes can still be seen.",
    )
    options_type: ClassVar[type[EngineOptions]] = NearestMean
    config: NearestMean

    @property
    def needs_others(self) -> bool:
        """A mean needs the images of its own class alone."""
        return False

    def learned_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name and shape of every learned tensor of one class."""
        return {"mean": (self.encoder.dim,)}

    def learn(self, train: Split, validation: Split, session: Session) -> None:
        """Take the mean of every class of `train`."""
        self.add(sorted(set(train.labels)), train, validation, session)

    def add(self, labels: Sequence[str], train: Split, validation: Split, session: Session) -> None:
        """Take the mean of each of more classes."""
        for label in labels:
            images = train.only(label).inputs
            features = torch.cat([self._features(pixels) for _, pixels in self.pixel_batches(images)])
            self.insert(label, {"mean": features.mean(dim=0)})
        self.calibrate(labels, validation)

    def score_batch(self, pixels: Tensor, labels: Sequence[str]) -> Tensor:
        """Return `float32 [batch, capacity]`."""
        squares = (self._features(pixels)[:, None] - self.bank.packed["mean"]).square()
        return -self.config.scale * squares.sum(dim=2)

    def log_confidence(self, scores: Scores) -> Scores:
        """Return the best score `[n]`."""
        return np.asarray(scores.max(axis=1, initial=-np.inf))

    def own_confidence(self, label: str, inputs: Images) -> Scores:
        """Return the class's own score `[n]`."""
        return self.scores(inputs, [label])[:, 0]

    def probabilities(self, scores: Scores) -> Scores:
        """Return softmax over the classes that are scored."""
        odds = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def _features(self, pixels: Tensor) -> Tensor:
        """Return the CLS states of the last block `[batch, D]`."""
        depth = self.encoder.depth
        return self.encoder.norm(self.encoder.states(pixels, slice(depth, depth + 1))[:, 0, 0].float())
