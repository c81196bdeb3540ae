"""Foreign models for planted leaks: a logistic head on frozen CLS, of which parts can be hidden instead of deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from preforget.audit.attacks.observe import Parts
from preforget.backbones import Encoder
from preforget.backbones.lora import Lora
from preforget.data import Split
from preforget.data.dataset import label_array
from preforget.white_box.shared_adapter import SharedAdapter

LORA = Lora(rank=1, alpha=1.0, dropout=0.0)


@dataclass
class HeadModel:
    """Scores are `CLS . row + bias` of `labels`; `buffers` is what else its files hold."""

    encoder: Encoder
    labels: tuple[str, ...]
    row: Tensor
    bias: Tensor
    buffers: Mapping[str, Tensor] = field(default_factory=dict)

    def scores(self, inputs: Any) -> Any:
        """Return `[n, C]`."""
        return cls_of(self.encoder, inputs) @ self.row.numpy().T + self.bias.numpy()

    def surface(self) -> SharedAdapter:
        """Open it: adapters that do nothing."""
        dim = self.encoder.dim
        adapters = {name: torch.zeros(shape) for name, shape in LORA.shapes(1, dim).items()}
        own = {"row": self.row, "bias": self.bias, **adapters}
        first = self.encoder.depth - 1
        stored = {**own, **self.buffers}
        return SharedAdapter(
            self.encoder, self.labels, own, LORA, first_block=first, final_norm=True, stored=stored
        )

    def without(self, label: str, **buffers: Tensor) -> HeadModel:
        """Drop a class's row and bias; keep `buffers`."""
        live = [i for i, own in enumerate(self.labels) if own != label]
        labels = tuple(self.labels[i] for i in live)
        return HeadModel(self.encoder, labels, self.row[live].clone(), self.bias[live].clone(), buffers)


def cls_of(encoder: Encoder, inputs: Any) -> Any:
    """Return CLS after the final norm, `[n, D]`."""
    states = encoder.states(encoder.read(inputs, range(len(inputs))), slice(encoder.depth, encoder.depth + 1))
    return encoder.norm(states[:, 0, 0]).numpy()


NAMES = ("ant", "bee", "cat", "dog", "elk")


def patterned(each: int, seed: int = 0, noise: float = 40.0, kept: float = 0.7) -> Split:
    """Images of five classes that are hard to tell: one coarse pattern each, under a fresh one and noise."""
    rng, drawn = np.random.default_rng(seed), np.random.default_rng(7)
    own = {name: drawn.normal(0, 1, (4, 4, 3)) for name in NAMES}
    labels = [name for name in NAMES for _ in range(each)]
    coarse = np.stack([kept * own[name] + (1 - kept) * rng.normal(0, 1, (4, 4, 3)) for name in labels])
    images = 128 + 50 * coarse.repeat(8, axis=1).repeat(8, axis=2)
    images = images + rng.normal(0, noise, images.shape)
    return Split(np.clip(images, 0, 255).astype(np.uint8), label_array(labels))


def parts_of(train: Split, test: Split, forgotten: str) -> Parts[Split]:
    """Return the four parts for one forgotten class."""
    return Parts(
        train.only(forgotten), test.only(forgotten), train.without(forgotten), test.without(forgotten)
    )


def fit(encoder: Encoder, train: Split) -> HeadModel:
    """Learn a head for every class of `train`, three at least."""
    learned = LogisticRegression(C=10.0, max_iter=2000).fit(
        cls_of(encoder, train.inputs), train.labels.astype(str)
    )
    rows, bias = (np.asarray(x, dtype=np.float32) for x in (learned.coef_, learned.intercept_))
    return HeadModel(encoder, tuple(learned.classes_), torch.from_numpy(rows), torch.from_numpy(bias))
