"""Speech encoders by the row of their family: Whisper's over energies, wav2vec 2.0's and HuBERT's over samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from preforget.backbones.block import Block
from preforget.backbones.checkpoint import find_file, read_preprocessor
from preforget.backbones.encoder import Embedding, Encoder, Preprocessing
from preforget.backbones.family import Checkpoint, Family, Pair
from preforget.backbones.rows import BlockRow
from preforget.backbones.speech_encoder import Filter, WaveEncoder, WhisperEncoder
from preforget.backbones.stored import Settings, Stored
from preforget.backbones.whisper_mel import RATE
from preforget.core.errors import BackboneError, UsageError

FRAMES = 500
"""How many frames of 10 ms are read where nothing else is asked for: five seconds."""

MOST_FRAMES = 30_000
"""Five minutes."""

FILTERS = "feature_extractor.conv_layers.{}."
"""Before the names of one convolution over samples."""


@dataclass(frozen=True, kw_only=True)
class WhisperFamily(Family):
    """The encoder of Whisper."""

    def build(self, checkpoint: Checkpoint, image_size: int | None, commit: str | None) -> Encoder:
        """Return the encoder; `image_size` counts frames of 10 ms, more than 3,000 in windows of one length."""
        stored = checkpoint.stored
        places = stored.get("embed_positions.weight")
        most = 2 * len(places)
        windows = windows_for(image_size, most)
        frames = frames_read(image_size, min(FRAMES, most), MOST_FRAMES, step=2 * windows)
        blocks = checkpoint.blocks()
        if windows > 1:
            blocks = [replace(block, padded=True, pieces=windows) for block in blocks]
        first, second = (checkpoint.pair(stored.linear(name)) for name in ("conv1", "conv2"))
        norm = checkpoint.pair(stored.norm("layer_norm"))
        return WhisperEncoder(
            **_common(checkpoint, blocks, norm, frames, commit),
            bins=stored.get("conv1.weight").shape[1],
            first=first,
            second=second,
            places=checkpoint.put(places[: frames // windows // 2]),
            windows=windows,
        )


@dataclass(frozen=True, kw_only=True)
class WaveFamily(Family):
    """Encoders over samples, in which norms stand before or after."""

    def row(self, settings: Settings) -> BlockRow:
        """Return the names in a layer: norms stand after the sums unless the checkpoint says otherwise."""
        return replace(self.block, post=not settings.values.get("do_stable_layer_norm", False))

    def build(self, checkpoint: Checkpoint, image_size: int | None, commit: str | None) -> Encoder:
        """Return the encoder; `image_size` counts frames of 10 ms."""
        stored, settings = checkpoint.stored, checkpoint.settings
        values = settings.values
        if values.get("conv_pos_batch_norm"):
            raise BackboneError(f"{stored.source!r} norms its places over a batch, which is not read here")
        over_time = values.get("feat_extract_norm", "group") == "group"
        filters = tuple(
            _filter(checkpoint, FILTERS.format(number), stride, over_time)
            for number, stride in enumerate(values.get("conv_stride", [5, 2, 2, 2, 2, 2, 2]))
        )
        frames = frames_read(image_size, FRAMES, MOST_FRAMES)
        blocks = checkpoint.blocks()
        stable = not blocks[0].post
        norm = checkpoint.pair(stored.norm("encoder.layer_norm"))
        features = stored.norm("feature_projection.layer_norm")
        return WaveEncoder(
            **_common(checkpoint, blocks, norm, frames, commit),
            filters=filters,
            features=checkpoint.pair(features) if len(features[0]) else None,
            project=checkpoint.pair(stored.linear("feature_projection.projection")),
            nearby=checkpoint.pair(_nearby(stored)),
            groups=settings.whole("num_conv_pos_embedding_groups", 16),
            first_norm=None if stable else norm,
            scaled=_is_scaled(checkpoint.source, checkpoint.revision),
            final_norm=stable,
        )


def windows_for(asked: int | None, most: int) -> int:
    """Return in how many windows of at most `most` frames a recording is read: as few as hold what is asked for.

    >>> windows_for(None, 3000), windows_for(3000, 3000), windows_for(4000, 3000)
    (1, 1, 2)
    """
    whole = isinstance(asked, int) and not isinstance(asked, bool)
    return max(1, -(-asked // most)) if whole and asked is not None else 1


def frames_read(asked: int | None, usual: int, most: int, step: int = 1) -> int:
    """Return how many frames of 10 ms are read; raises `UsageError` for another number than the encoder can read."""
    frames = min(usual, most) if asked is None else asked
    whole = isinstance(frames, int) and not isinstance(frames, bool)
    if not whole or not 4 <= frames <= most or frames % step:
        raise UsageError(
            f"{frames!r} frames of 10 ms can't be read; give a number from 4 to {most}, in steps of {step}"
        )
    return frames


def _common(
    checkpoint: Checkpoint, blocks: list[Block], norm: Pair, frames: int, commit: str | None
) -> dict[str, Any]:
    """Return what all encoders of speech are made of; all tensors that make a digest have been asked for."""
    none = torch.zeros(0)
    return {
        "embedding": Embedding(none, none, torch.zeros(0, blocks[0].dim), none, 1),
        "blocks": checkpoint.moved(blocks),
        "norm_weight": norm[0],
        "norm_bias": norm[1],
        "eps": blocks[0].eps,
        "preprocessing": Preprocessing(frames, (0.0,) * 3, (1.0,) * 3),
        "identity": checkpoint.identity(commit, checkpoint.stored.digest()),
    }


def _filter(checkpoint: Checkpoint, name: str, stride: int, over_time: bool) -> Filter:
    stored, put = checkpoint.stored, checkpoint.put
    norm = stored.norm(f"{name}layer_norm")
    bias = put(stored.get(f"{name}conv.bias")) if stored.has(f"{name}conv.bias") else None
    pair = checkpoint.pair(norm) if len(norm[0]) else None
    return Filter(put(stored.get(f"{name}conv.weight")), bias, pair, stride, over_time)


def _nearby(stored: Stored) -> Pair:
    """Return the convolution that tells places apart; its weight is kept as lengths and directions."""
    name = "encoder.pos_conv_embed.conv"
    newer = stored.has(f"{name}.parametrizations.weight.original0")
    names = ("parametrizations.weight.original0", "parametrizations.weight.original1")
    length, direction = (stored.get(f"{name}.{n}") for n in (names if newer else ("weight_g", "weight_v")))
    weight = direction * (length / direction.norm(dim=(0, 1), keepdim=True))
    return weight, stored.get(f"{name}.bias")


def _is_scaled(source: str, revision: str | None) -> bool:
    """Return whether samples are scaled, as the extractor of wav2vec 2.0 does unless its file says otherwise."""
    if find_file(source, "preprocessor_config.json", revision) is None:
        return True
    values = read_preprocessor(source, revision)
    rate = values.get("sampling_rate", RATE)
    if rate != RATE:
        raise BackboneError(f"{source!r} was made for {rate!r} Hz; encoders for {RATE:,} Hz are read")
    return bool(values.get("do_normalize", True))
