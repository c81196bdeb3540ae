"""What the exact engine reads of an input: whole numbers from frozen states of one version of it, or of several."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from preforget.backbones.encoder import Encoder
from preforget.backbones.vectors import VectorEncoder
from preforget.core.errors import UsageError
from preforget.data.dataset import Split
from preforget.engines import features
from preforget.records.layout import Layout

PROBED = 16
"""How many inputs of noise tell whether two machines compute the same bits."""

Walked = list[tuple[Tensor, Tensor, Tensor]]

MIRRORS = {"h": -1, "v": -2}
"""By its letter, the side of `[batch, 3, rows, columns]` that a mirrored copy turns around: left and right, or top and
bottom."""


def energy_depth(encoder: Encoder) -> int:
    """Return the depth whose states energies use: a third of the backbone's, where textures are told best."""
    return max(1, round(encoder.depth / 3))


@dataclass(frozen=True)
class Reading:
    """Reads `levels` depths for scores and, unless it is 0, `energy_depth` for energies, of each version of an input.

    `views`: the mirrored copies that are read beside the input itself, by their letters.
    """

    encoder: Encoder
    levels: int
    energy_depth: int = 0
    views: str = ""

    def check(self) -> None:
        """Raise `UsageError` for what the backbone can't give."""
        features.check_levels(self.encoder, self.levels)
        vectors = isinstance(self.encoder, VectorEncoder)
        if self.energy_depth > self.encoder.depth and not vectors:
            raise UsageError(
                f"energy_depth is {self.energy_depth}, but the backbone has {self.encoder.depth} blocks"
            )
        if self.views and self.encoder.kind != "images":
            raise UsageError(
                f"views are mirrored copies of images; these inputs are {self.encoder.kind}: leave views out"
            )

    @property
    def layout(self) -> Layout:
        """How the numbers of an input lie in records."""
        size = features.feature_count(self.encoder, self.levels)
        has_near = self.energy_depth > 0 and not isinstance(self.encoder, VectorEncoder)
        near = features.parts(self.encoder) * self.encoder.dim if has_near else 0
        return Layout(size, near, 1 + len(self.views))

    def rows(self, pixels: Tensor, walked: Walked | None = None) -> Tensor:
        """Return `int16 [batch versions, W]` of normalised pixels, or of vectors, the versions of an input together.

        `walked`: what the backbone's walk over `pixels` gave, if it was made already.
        """
        if isinstance(self.encoder, VectorEncoder):
            return features.fixed_point(pixels)
        states = self._read_states(pixels) if walked is None else [states for states, _, _ in walked]
        parts = [self.of_states(states)]
        for letter in self.views:
            mirrored = pixels.flip(MIRRORS[letter]).contiguous()
            parts.append(self.of_states(self._read_states(mirrored)))
        return torch.stack(parts, dim=1).flatten(0, 1)

    def probe(self) -> str:
        """Return the digest of the rows of seeded noise: machines that compute other bits have another one."""
        parts = self.encoder.noise(PROBED).split(self.encoder.at_once(PROBED))
        return hashlib.sha256(torch.cat([self.rows(part) for part in parts]).numpy().tobytes()).hexdigest()

    def unit_rows(self, images: Split) -> Iterator[Tensor]:
        """Yield the rows of the images of one unit, in order, in batches that depend on their number alone."""
        start = 0
        for count in features.batch_sizes(len(images), self.encoder.at_once(features.AT_ONCE)):
            part = range(start, start + count)
            yield self.rows(self.encoder.read(images.inputs, part))
            start += count

    def depths(self) -> list[int]:
        """Return the numbers of the states that are read, in the order of their numbers in a row."""
        near_depth = [self.energy_depth] if self.layout.near else []
        return [*features.depths(self.encoder, self.levels), *near_depth]

    def _read_states(self, pixels: Tensor) -> dict[int, Tensor]:
        """Return the states that are read, by their number; no others are kept."""
        wanted = {*self.depths()}
        walked = enumerate(self.encoder.walk(pixels))
        return {number: states for number, (states, _, _) in walked if number in wanted}

    def of_states(self, states: Sequence[Tensor] | Mapping[int, Tensor]) -> Tensor:
        """Return `int16 [batch, W]` of the states `[batch, N, D]` that enter every block, and the output, by number."""
        chosen = torch.stack([states[depth] for depth in self.depths()], dim=1)
        return features.quantised(chosen, self.encoder.prefix, padded=self.encoder.padded)
