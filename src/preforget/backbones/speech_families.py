"""Families of speech encoders: Whisper's encoder, wav2vec 2.0 and HuBERT, read by the names in their files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from preforget.backbones.block import ACTIVATIONS, Block
from preforget.backbones.checkpoint import find_file, read_preprocessor, read_settings
from preforget.backbones.encoder import Embedding, Encoder, Identity, Preprocessing
from preforget.backbones.families import BACKBONES
from preforget.backbones.rows import BlockRow, put
from preforget.backbones.speech_encoder import Filter, Pair, WaveEncoder, WhisperEncoder
from preforget.backbones.stored import Settings, Stored, read_stored
from preforget.backbones.whisper_mel import RATE
from preforget.core.errors import BackboneError, UsageError

FRAMES = 500
"""How many frames of 10 ms are read where nothing else is asked for: five seconds."""

WHISPER_BLOCK = BlockRow(
    "layers.{}.",
    "self_attn_layer_norm",
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attn.out_proj",
    "final_layer_norm",
    (("fc1",),),
    ("fc2",),
)
WAVE_BLOCK = BlockRow(
    "encoder.layers.{}.",
    "layer_norm",
    ("attention.q_proj", "attention.k_proj", "attention.v_proj"),
    "attention.out_proj",
    "final_layer_norm",
    (("feed_forward.intermediate_dense",),),
    ("feed_forward.output_dense",),
    post=True,
)


@dataclass(frozen=True)
class WaveFamily:
    """A family over samples: `library` computes the same; `bases`: what may stand before all names in a file."""

    library: str
    bases: tuple[str, ...]


WAVES: Mapping[str, WaveFamily] = {
    "wav2vec2": WaveFamily("Wav2Vec2Model", ("", "wav2vec2.")),
    "hubert": WaveFamily("HubertModel", ("", "hubert.")),
}
"""By the `model_type` of `config.json`."""


def frames_read(asked: int | None, usual: int, most: int, step: int = 1) -> int:
    """Return how many frames of 10 ms are read; raises `UsageError` for another number than the encoder can read."""
    frames = min(usual, most) if asked is None else asked
    whole = isinstance(frames, int) and not isinstance(frames, bool)
    if not whole or not 4 <= frames <= most or frames % step:
        raise UsageError(
            f"{frames!r} frames of 10 ms can't be read; give a number from 4 to {most}, in steps of {step}"
        )
    return frames


@BACKBONES.register("whisper")
def load_whisper(
    source: str,
    *,
    image_size: int | None,
    device: torch.device,
    dtype: torch.dtype,
    revision: str | None = None,
) -> Encoder:
    """Load the encoder of a Whisper checkpoint; `image_size` counts frames of 10 ms, an even number up to 3,000."""
    values = read_settings(source, revision)
    settings = Settings(source, values)
    stored = read_stored(source, revision, ("", "encoder.", "model.encoder."), "conv1.weight")
    places = stored.get("embed_positions.weight")
    frames = frames_read(image_size, FRAMES, 2 * len(places), step=2)
    heads = settings.whole("encoder_attention_heads", 6)
    act = settings.one_of("activation_function", "gelu", ACTIVATIONS)
    count = WHISPER_BLOCK.check_depth(stored, settings.whole("encoder_layers", 4))
    blocks = [WHISPER_BLOCK.block(stored, number, heads, 1e-5, act) for number in range(count)]
    pairs = [_pair(stored.linear(name), device, dtype) for name in ("conv1", "conv2")]
    norm = _pair(stored.norm("layer_norm"), device, dtype)
    return WhisperEncoder(
        *_common(blocks, norm, frames, _identity(source, values, revision, stored), device, dtype),
        bins=stored.get("conv1.weight").shape[1],
        first=pairs[0],
        second=pairs[1],
        places=put(places[: frames // 2], device, dtype),
    )


@BACKBONES.register("wav2vec2")
@BACKBONES.register("hubert")
def load_waves(
    source: str,
    *,
    image_size: int | None,
    device: torch.device,
    dtype: torch.dtype,
    revision: str | None = None,
) -> Encoder:
    """Load a wav2vec 2.0 or HuBERT checkpoint; `image_size` counts frames of 10 ms."""
    values = read_settings(source, revision)
    settings = Settings(source, values)
    family = WAVES[str(values["model_type"])]
    start = "feature_extractor.conv_layers.{}."
    stored = read_stored(source, revision, family.bases, start.format(0) + "conv.weight")
    if values.get("conv_pos_batch_norm"):
        raise BackboneError(f"{source!r} norms its places over a batch, which is not read here")
    stable = bool(values.get("do_stable_layer_norm", False))
    over_time = values.get("feat_extract_norm", "group") == "group"
    filters = tuple(
        _filter(stored, start.format(number), stride, over_time, device, dtype)
        for number, stride in enumerate(values.get("conv_stride", [5, 2, 2, 2, 2, 2, 2]))
    )
    frames = frames_read(image_size, FRAMES, 30_000)
    heads, eps = settings.whole("num_attention_heads", 12), settings.number("layer_norm_eps", 1e-5)
    act = settings.one_of("hidden_act", "gelu", ACTIVATIONS)
    row = replace(WAVE_BLOCK, post=not stable)
    count = row.check_depth(stored, settings.whole("num_hidden_layers", 12))
    blocks = [row.block(stored, number, heads, eps, act) for number in range(count)]
    norm = _pair(stored.norm("encoder.layer_norm"), device, dtype)
    features = stored.norm("feature_projection.layer_norm")
    return WaveEncoder(
        *_common(blocks, norm, frames, _identity(source, values, revision, stored), device, dtype),
        filters=filters,
        features=_pair(features, device, dtype) if len(features[0]) else None,
        project=_pair(stored.linear("feature_projection.projection"), device, dtype),
        nearby=_pair(_nearby(stored), device, dtype),
        groups=settings.whole("num_conv_pos_embedding_groups", 16),
        first_norm=None if stable else norm,
        scaled=_is_scaled(source, revision),
        final_norm=stable,
    )


def _common(
    blocks: list[Block], norm: Pair, frames: int, identity: Identity, device: torch.device, dtype: torch.dtype
) -> tuple[Embedding, tuple[Block, ...], Tensor, Tensor, float, Preprocessing, Identity]:
    none = torch.zeros(0)
    empty = Embedding(none, none, torch.zeros(0, blocks[0].dim), none, 1)
    moved = tuple(block.to(device, dtype) for block in blocks)
    preprocessing = Preprocessing(frames, (0.0,) * 3, (1.0,) * 3)
    return empty, moved, norm[0], norm[1], blocks[0].eps, preprocessing, identity


def _identity(source: str, values: Mapping[str, Any], revision: str | None, stored: Stored) -> Identity:
    return Identity(
        source, values.get("_commit_hash") or revision, str(values["model_type"]), stored.digest()
    )


def _filter(
    stored: Stored, name: str, stride: int, over_time: bool, device: torch.device, dtype: torch.dtype
) -> Filter:
    norm = stored.norm(f"{name}layer_norm")
    bias = put(stored.get(f"{name}conv.bias"), device, dtype) if stored.has(f"{name}conv.bias") else None
    pair = _pair(norm, device, dtype) if len(norm[0]) else None
    return Filter(put(stored.get(f"{name}conv.weight"), device, dtype), bias, pair, stride, over_time)


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


def _pair(pair: tuple[Tensor, Tensor], device: torch.device, dtype: torch.dtype) -> Pair:
    return put(pair[0], device, dtype), put(pair[1], device, dtype)
