"""Speech encoders without a CLS token: Whisper's over log mel energies, wav2vec 2.0's and HuBERT's over samples.

Every recording is cut at its end, or filled up with silence, to one length, so that no other recording has a part in
it. What is longer than Whisper's 30 seconds is read in several windows, whose states stand side by side.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones.encoder import Encoder
from preforget.backbones.whisper_mel import HOP, RATE, slaney_triangles, whisper_mel
from preforget.data.dataset import Images, Sounds
from preforget.data.sounds import Wave, fixed_length, read_sounds, recorded_rate

Pair = tuple[Tensor, Tensor]

ABSENT = -64.0
"""In the place of energies, which are above -2, where a recording has ended before a window begins."""


@dataclass(frozen=True)
class SpeechEncoder(Encoder, ABC):
    """A frozen encoder of speech at 16 kHz; `preprocessing.image_size` counts the frames of 10 ms that it reads."""

    kind: ClassVar[str] = "sounds"

    @property
    def seconds(self) -> float:
        """The longest part of a sound that it reads, in seconds."""
        return self.preprocessing.image_size * HOP / RATE

    def read(self, inputs: Images, rows: Sequence[int]) -> Tensor:
        """Return what `embed` takes of the chosen sounds; raises `DataError`."""
        return self.heard(read_sounds(inputs, rows, RATE, self.seconds))

    @abstractmethod
    def heard(self, waves: Sequence[Wave]) -> Tensor:
        """Return what `embed` takes of mono waves at 16 kHz."""

    def noise(self, count: int) -> Tensor:
        """Return seeded noise in the form that `read` returns; not data."""
        rng = np.random.default_rng(0)
        length = self.preprocessing.image_size * HOP
        return self.heard([rng.uniform(-0.1, 0.1, length).astype(np.float32) for _ in range(count)])

    def remark(self, inputs: Images) -> str | None:
        """Return a sentence on recordings of telephone quality, None if there are none among the first few."""
        if isinstance(inputs, Sounds):
            lowest = inputs.rate
        elif isinstance(inputs, list):
            lowest = min((recorded_rate(path) for path in inputs[:64]), default=RATE)
        else:
            return None
        if lowest >= RATE:
            return None
        return (
            f"sounds were recorded at {lowest:,} Hz, and the encoder was made for {RATE:,}: they are resampled, "
            f"and what lies above {lowest // 2:,} Hz is missing"
        )


@dataclass(frozen=True)
class WhisperEncoder(SpeechEncoder):
    """The encoder of Whisper (arXiv 2212.04356); `first`, `second`: its two convolutions along time.

    `windows`: in how many windows of one length a recording is read, each by itself. Those that it doesn't reach are
    padding: neither a mean nor a class's path looks at them.
    """

    bins: int
    first: Pair
    second: Pair
    places: Tensor
    windows: int = 1

    @property
    def tokens(self) -> int:
        """The number of states: one for 20 ms."""
        return self.windows * len(self.places)

    @property
    def prefix(self) -> int:
        """There is no CLS."""
        return 0

    def heard(self, waves: Sequence[Wave]) -> Tensor:
        """Return log mel energies `[batch, bins, frames]`; of several windows `[batch, windows, bins, frames]`."""
        filters, frames = slaney_triangles(self.bins), self.preprocessing.image_size // self.windows
        length = frames * HOP
        energies = np.full((len(waves), self.windows, self.bins, frames), ABSENT, dtype=np.float32)
        for row, wave in enumerate(waves):
            for window in range(self.windows):
                piece = wave[window * length : (window + 1) * length]
                if len(piece) or not window:
                    energies[row, window] = whisper_mel(piece, frames, filters)
        given = energies if self.windows > 1 else energies[:, 0]
        return torch.from_numpy(given).to(self.device, self.dtype)

    def embed(self, pixels: Tensor) -> Tensor:
        """Turn log mel energies into the states that enter block 0, `[batch, N, D]`; absent windows are zeros."""
        count = len(pixels)
        present = pixels[:, :, 0, 0] != ABSENT if self.windows > 1 else None
        x = pixels.flatten(0, 1) if self.windows > 1 else pixels
        x = F.gelu(F.conv1d(x, *self.first, padding=1))
        x = F.gelu(F.conv1d(x, *self.second, stride=2, padding=1))
        x = x.transpose(1, 2) + self.places
        if present is None:
            return x
        return (x.view(count, self.windows, *x.shape[1:]) * present[..., None, None]).flatten(1, 2)

    def for_library(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return energies, each window by itself, by the name that the library's own model takes them."""
        return {"input_features": inputs.flatten(0, 1) if self.windows > 1 else inputs}


@dataclass(frozen=True)
class Filter:
    """One convolution over samples, `stride` apart, and the norm after it: of channels over time, or of each moment."""

    weight: Tensor
    bias: Tensor | None
    norm: Pair | None
    stride: int
    over_time: bool

    def run(self, x: Tensor) -> Tensor:
        """Return `[batch, channels, shorter]` of `[batch, channels, time]`."""
        x = F.conv1d(x, self.weight, self.bias, stride=self.stride)
        if self.norm is not None and self.over_time:
            x = F.group_norm(x, x.shape[1], *self.norm)
        elif self.norm is not None:
            x = F.layer_norm(x.transpose(1, 2), x.shape[1:2], *self.norm).transpose(1, 2)
        return F.gelu(x)


@dataclass(frozen=True)
class WaveEncoder(SpeechEncoder):
    """wav2vec 2.0 (arXiv 2006.11477) or HuBERT (arXiv 2106.07447), over samples scaled to mean 0 and deviation 1.

    Args:
        filters: The convolutions over samples.
        features: The norm of what they give; HuBERT may have none.
        project: From their channels to `D`.
        nearby: The convolution that tells places apart, `groups` of channels each by itself.
        groups: Of `nearby`.
        first_norm: The norm before block 0, where norms stand after the sums.
        scaled: Whether samples are scaled.
    """

    filters: tuple[Filter, ...]
    features: Pair | None
    project: Pair
    nearby: Pair
    groups: int
    first_norm: Pair | None
    scaled: bool

    @property
    def tokens(self) -> int:
        """The number of states: about one for 20 ms."""
        length = self.preprocessing.image_size * HOP
        for one in self.filters:
            length = (length - one.weight.shape[-1]) // one.stride + 1
        return length

    @property
    def prefix(self) -> int:
        """There is no CLS."""
        return 0

    def heard(self, waves: Sequence[Wave]) -> Tensor:
        """Return samples `[batch, time]`, each recording scaled by itself before silence is added."""
        length = self.preprocessing.image_size * HOP
        kept = [wave[:length] for wave in waves]
        if self.scaled:
            kept = [(wave - wave.mean()) / np.sqrt(wave.var() + 1e-7) for wave in kept]
        found = np.stack([fixed_length(wave.astype(np.float32), length) for wave in kept])
        return torch.from_numpy(found).to(self.device, self.dtype)

    def embed(self, pixels: Tensor) -> Tensor:
        """Turn samples into the states that enter block 0, `[batch, N, D]`."""
        x = pixels[:, None]
        for one in self.filters:
            x = one.run(x)
        x = x.transpose(1, 2)
        if self.features is not None:
            x = F.layer_norm(x, x.shape[-1:], *self.features, self.eps)
        x = F.linear(x, *self.project)
        weight, bias = self.nearby
        near = F.conv1d(x.transpose(1, 2), weight, bias, padding=weight.shape[-1] // 2, groups=self.groups)
        x = x + F.gelu(near[..., : x.shape[1]]).transpose(1, 2)
        return x if self.first_norm is None else F.layer_norm(x, x.shape[-1:], *self.first_norm, self.eps)

    def for_library(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return samples by the name that the library's own model takes them."""
        return {"input_values": inputs}
