"""Audio Spectrogram Transformers (Gong, Chung and Glass, arXiv 2104.01778): ViT over patches of a log mel spectrogram.

Checkpoints of transformers, `ASTModel`, by hub id or local path, as frozen encoders. `F` frames, `M` mel bins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones.checkpoint import read_preprocessor
from preforget.backbones.encoder import Embedding, Encoder, Preprocessing
from preforget.backbones.family import Checkpoint, Family, enter
from preforget.backbones.filterbank import HOP, IMPLEMENTATION, log_mel, samples_for, triangles
from preforget.backbones.layout import OLDER_NAMES, VIT_BLOCK, Layout, SpectrogramShape, read_shape
from preforget.backbones.positions import regrid
from preforget.backbones.stored import Settings, Stored
from preforget.core.errors import BackboneError, UsageError
from preforget.core.hashing import value_digest
from preforget.data.dataset import Images
from preforget.data.sounds import Wave, read_sounds

ARCHITECTURE = "audio-spectrogram-transformer"
PREFIX = 2
"""CLS and the distillation token."""


@dataclass(frozen=True)
class Hearing:
    """How a checkpoint reads sounds: sampling `rate` in Hz, mel `bins`, strides of its patches, normalisation.

    A log energy `x` becomes `(x - mean) / (2 std)` if `normalise`.
    """

    rate: int
    bins: int
    frequency_stride: int
    time_stride: int
    normalise: bool
    mean: float
    std: float


@dataclass(frozen=True)
class AudioEncoder(Encoder):
    """A frozen Audio Spectrogram Transformer; `preprocessing.image_size` counts the frames `F` that it reads."""

    hearing: Hearing

    kind: ClassVar[str] = "sounds"

    @property
    def seconds(self) -> float:
        """The longest part of a sound that it reads, in seconds."""
        return samples_for(self.preprocessing.image_size) / self.hearing.rate

    def read(self, inputs: Images, rows: Sequence[int]) -> Tensor:
        """Return spectrograms `[batch, F, M]` of the chosen sounds: cut at their end, or filled up with zeros there.

        Each sound is computed by itself, so that it has the same bits in any batch. Raises `DataError`.
        """
        return self.spectrograms(read_sounds(inputs, rows, self.hearing.rate, self.seconds))

    def spectrograms(self, waves: Sequence[Wave]) -> Tensor:
        """Return `[batch, F, M]` of mono waves at the encoder's rate, as `ASTFeatureExtractor` makes them."""
        h, frames = self.hearing, self.preprocessing.image_size
        filters = triangles(h.bins, h.rate)
        out = np.zeros((len(waves), frames, h.bins), dtype=np.float32)
        for row, wave in enumerate(waves):
            features = log_mel(wave, filters)[:frames]
            out[row, : len(features)] = features
        if h.normalise:
            out = (out - np.float32(h.mean)) / np.float32(2 * h.std)
        return torch.from_numpy(out).to(self.device, self.dtype)

    def noise(self, count: int) -> Tensor:
        """Return spectrograms `[count, F, M]` of seeded noise, not data."""
        rng = np.random.default_rng(0)
        length = samples_for(self.preprocessing.image_size)
        return self.spectrograms([rng.uniform(-0.1, 0.1, length).astype(np.float32) for _ in range(count)])

    def embed(self, pixels: Tensor) -> Tensor:
        """Turn spectrograms `[batch, F, M]` into the hidden states that enter block 0, `[batch, N, D]`."""
        e, h = self.embedding, self.hearing
        image = pixels.transpose(1, 2)[:, None]
        patches = F.unfold(image, e.patch_size, stride=(h.frequency_stride, h.time_stride)).transpose(1, 2)
        x = F.linear(patches, e.patch_weight, e.patch_bias)
        return torch.cat([e.prefix.expand(len(x), -1, -1), x], dim=1) + e.positions

    def for_library(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return spectrograms by the name that the library's own model takes them."""
        return {"input_values": inputs}

    def describe(self) -> dict[str, Any]:
        """Return the encoder's identity and how it reads sounds, as plain values.

        `image_size` counts frames; `architecture` also names the implementation of the spectrogram, so that a model
        made with one implementation is refused by another.
        """
        values = super().describe()
        values["architecture"] = f"{self.identity.architecture}/{IMPLEMENTATION}"
        return {**values, "mean": [self.hearing.mean], "std": [self.hearing.std]}


@dataclass(frozen=True, kw_only=True)
class SpectrogramFamily(Family):
    """The Audio Spectrogram Transformer; `known` is CLS."""

    def build(self, checkpoint: Checkpoint, image_size: int | None, commit: str | None) -> AudioEncoder:
        """Return the encoder; `image_size` counts frames of 10 ms at 16 kHz, None for the checkpoint's own number.

        For another number of frames positions are cut in the middle or interpolated, as the AST paper does.
        """
        config = audio_config(checkpoint.source, checkpoint.revision)
        frames = config.max_length if image_size is None else image_size
        if isinstance(frames, bool) or not isinstance(frames, int) or frames < config.patch_size:
            raise UsageError(
                f"{frames!r} frames were asked for; give a whole number of at least {config.patch_size}, one patch"
            )
        hearing = _hearing(checkpoint.source, checkpoint.revision, config)
        return encoder_of(checkpoint, config, hearing, frames, commit)


FAMILIES = {
    ARCHITECTURE: SpectrogramFamily(
        library="ASTModel",
        block=VIT_BLOCK,
        known="embeddings.cls_token",
        bases=("", "audio_spectrogram_transformer."),
        older=OLDER_NAMES,
        needed=(*VIT_BLOCK.tensors(), "layernorm.weight", "layernorm.bias"),
    )
}
"""By the `model_type` of `config.json`."""

enter(FAMILIES, __name__)


def encoder_from_ast(
    model: Layout[SpectrogramShape],
    hearing: Hearing,
    frames: int,
    name: str,
    device: torch.device,
    dtype: torch.dtype,
) -> AudioEncoder:
    """Return the encoder of an AST's tensors in memory; `name`: in the place of a checkpoint's."""
    shape = model.shape
    settings, stored = Settings(name, asdict(shape)), Stored(name, model.state_dict())
    checkpoint = Checkpoint(FAMILIES[ARCHITECTURE], ARCHITECTURE, settings, stored, None, device, dtype)
    return encoder_of(checkpoint, shape, hearing, frames, None)


def encoder_of(
    checkpoint: Checkpoint, config: SpectrogramShape, hearing: Hearing, frames: int, commit: str | None
) -> AudioEncoder:
    """Return the encoder of a checkpoint that reads `frames` frames.

    The digest is that of weights and preprocessing; the number of frames is not part of it.
    """
    stored, put, e = checkpoint.stored, checkpoint.put, "embeddings."
    blocks = checkpoint.blocks()
    table = stored.get(f"{e}position_embeddings")[0]
    grid = table[PREFIX:].view(*config.grid(config.max_length), -1)
    grid = regrid(grid, config.grid(frames), cut=True).flatten(0, 1)
    tokens = [stored.get(e + name) for name in ("cls_token", "distillation_token")]
    weight, bias = stored.linear(f"{e}patch_embeddings.projection")
    embedding = Embedding(
        patch_weight=put(weight.flatten(1)),
        patch_bias=put(bias),
        prefix=put(torch.cat(tokens, dim=1)[0]),
        positions=put(torch.cat([table[:PREFIX], grid])),
        patch_size=config.patch_size,
    )
    mean, std = (hearing.mean,) * 3, (hearing.std,) * 3
    norm = checkpoint.pair(stored.norm("layernorm"))
    digest = value_digest([stored.digest(), asdict(hearing)])
    return AudioEncoder(
        embedding,
        checkpoint.moved(blocks),
        *norm,
        blocks[0].eps,
        Preprocessing(frames, mean, std),
        checkpoint.identity(commit, digest),
        hearing,
    )


def audio_config(source: str, revision: str | None) -> SpectrogramShape:
    """Read and check the configuration of an AST checkpoint; raises `BackboneError`."""
    config = read_shape(SpectrogramShape, source, revision)
    if config.model_type != ARCHITECTURE:
        raise BackboneError(f"{source!r} is of architecture {config.model_type!r}, not {ARCHITECTURE}")
    if config.hidden_act != "gelu":
        raise BackboneError(f"{source!r} uses the activation {config.hidden_act!r}; supported is gelu")
    if min(config.num_mel_bins, config.max_length) < config.patch_size:
        raise BackboneError(f"{source!r}: its spectrogram is smaller than one patch of {config.patch_size}")
    return config


def _hearing(source: str, revision: str | None, config: SpectrogramShape) -> Hearing:
    values = read_preprocessor(source, revision)
    try:
        mean, std = float(values["mean"]), float(values["std"])
        rate, bins = values["sampling_rate"], values["num_mel_bins"]
        normalise = values.get("do_normalize", True)
    except (KeyError, TypeError, ValueError):
        raise BackboneError(
            f"preprocessor_config.json of {source!r} lacks mean, std, sampling_rate or num_mel_bins"
        ) from None
    are_whole = all(isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in (rate, bins))
    if not are_whole or rate < 2 * HOP or not isinstance(normalise, bool):
        raise BackboneError(
            f"preprocessor_config.json of {source!r}: a sampling rate of {rate!r} can't be used"
        )
    if not math.isfinite(mean) or not math.isfinite(std) or std <= 0:
        raise BackboneError(f"{source!r}: mean must be finite and std above zero, got {mean}, {std}")
    if bins != config.num_mel_bins:
        raise BackboneError(
            f"{source!r}: {bins} mel bins in its preprocessor, {config.num_mel_bins} in its model"
        )
    return Hearing(rate, bins, config.frequency_stride, config.time_stride, normalise, mean, std)
