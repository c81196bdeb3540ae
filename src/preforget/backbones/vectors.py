"""The backbone `features`: the inputs are vectors, made elsewhere, so there is nothing to encode.

A vector is normalised from its own numbers alone, never with statistics of several inputs: those would keep traces of
what was forgotten. The backbone holds no weights, so its digest is a function of the width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from preforget.backbones.encoder import Embedding, Encoder, Identity, Preprocessing
from preforget.core.errors import DataError, UsageError
from preforget.core.hashing import value_digest
from preforget.data.dataset import Images
from preforget.data.vectors import Vectors

FEATURES = "features"
"""The name of the backbone of inputs that are rows of numbers."""
ARCHITECTURE = "vectors"


@dataclass(frozen=True)
class VectorEncoder(Encoder):
    """A backbone without blocks: an input is two tokens of width `d`, its own numbers in two forms, see `embed`.

    `preprocessing.image_size` holds `d`, so that a model folder says how wide its vectors are.
    """

    kind: ClassVar[str] = "vectors"

    @property
    def input_width(self) -> int:
        """How many numbers an input has."""
        return self.dim

    def read(self, inputs: Images, rows: Sequence[int]) -> Tensor:
        """Return the chosen vectors as they are, `float64 [batch, d]` on the CPU; raises `DataError`."""
        if not isinstance(inputs, Vectors):
            raise DataError(
                f"the backbone {FEATURES!r} reads vectors [n, {self.dim}] of numbers; these inputs are something else"
            )
        if inputs.width != self.dim:
            # scikit-learn's wording, which its checks of estimators look for
            raise DataError(
                f"X has {inputs.width} features, but the model was made for {self.dim} features as input"
            )
        return torch.from_numpy(inputs.values[np.asarray(rows, dtype=np.intp)].astype(np.float64))

    def noise(self, count: int) -> Tensor:
        """Return seeded normal noise `float64 [count, d]`, not data."""
        return torch.from_numpy(np.random.default_rng(0).standard_normal((count, self.dim)))

    def embed(self, pixels: Tensor) -> Tensor:
        """Return vectors `[batch, d]` as two states each, `[batch, 2, d]`.

        The first is the vector without its mean, at unit length, which suits embeddings; the second `asinh` of each
        number, over the square root of `d`, which keeps the scale that measurements have.
        """
        scaled = pixels.double().asinh() * self.dim**-0.5
        return torch.stack([normalised(pixels), scaled], dim=1).to(self.device, self.dtype)


def normalised(vectors: Tensor) -> Tensor:
    """Return each row of `[batch, d]` less its own mean, scaled to unit length; a constant row becomes zeros."""
    x = vectors.double()
    largest = x.abs().amax(dim=1, keepdim=True)
    x = x / torch.where(largest > 0, largest, torch.ones_like(largest))  # sums of huge numbers would overflow
    x = x - x.mean(dim=1, keepdim=True)
    length = x.square().sum(dim=1, keepdim=True).sqrt()
    return torch.where(length > 1e-12, x / length.clamp_min(1e-12), torch.zeros_like(x))


def vector_encoder(
    width: int | None, device: torch.device | None = None, dtype: torch.dtype = torch.float32
) -> VectorEncoder:
    """Return the backbone for vectors of `width` numbers; raises `UsageError` for a bad width.

    `width`: `d`, known from the data; a model folder keeps it.
    """
    if width is None:
        raise UsageError(
            f"the backbone {FEATURES!r} needs to know how wide the vectors are: give image_size, the number of columns"
        )
    if isinstance(width, bool) or not isinstance(width, int) or width < 1:
        raise UsageError(f"the width of vectors must be a whole number of at least 1, got {width!r}")
    if dtype != torch.float32:
        raise UsageError(f"the backbone {FEATURES!r} computes in float32; leave dtype out")
    none = torch.zeros(0, device=device)
    empty = Embedding(none, none, torch.zeros(1, 0), torch.zeros(2, width), 1)
    scale = torch.ones(width, device=device)
    identity = Identity(FEATURES, None, ARCHITECTURE, value_digest([ARCHITECTURE, width]))
    preprocessing = Preprocessing(width, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return VectorEncoder(empty, (), scale, torch.zeros_like(scale), 1e-5, preprocessing, identity)
