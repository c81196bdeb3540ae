"""Does an encoder compute what its own library does? Compared on noise when a model is learned, and on request."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from preforget.backbones.checkpoint import read_weights
from preforget.backbones.encoder import Encoder
from preforget.backbones.family import Family, family_of
from preforget.backbones.load import load_backbone
from preforget.backbones.pinned import pinned
from preforget.backbones.spectrogram import ARCHITECTURE as SPECTROGRAM
from preforget.backbones.speech_encoder import WhisperEncoder
from preforget.core.errors import BackboneError

LARGEST = 1e-4
"""The largest relative difference in float32; sums in another order give about 1e-6."""

COUNT = 2
"""How many inputs of noise are compared."""

_KNOWN: dict[tuple[str, tuple[tuple[str, str], ...], int | None], float] = {}
"""What this process has compared already, by name, digests of files and size."""


@pinned
def checked(encoder: Encoder) -> Encoder:
    """Compare an encoder with its library's own model, on noise, in float32 on the CPU.

    Args:
        encoder: Of `load_backbone`, in any number format, on any device.

    Returns:
        The same encoder, its `identity.checked` the largest relative difference; the encoder as it is where there is no
        other implementation, as of the builtin ones, or where it was compared already.

    Raises:
        BackboneError: They differ by more than 1e-4: the checkpoint isn't what its family computes.
    """
    identity = encoder.identity
    family = family_of(identity.architecture)
    if family is None or family.library is None or not identity.files or identity.checked is not None:
        return encoder
    key = (identity.id, tuple(sorted(identity.files.items())), _size(encoder))
    if key not in _KNOWN:
        _KNOWN[key] = _difference(encoder, family, family.library)
    return replace(encoder, identity=replace(identity, checked=_KNOWN[key]))


def _size(encoder: Encoder) -> int | None:
    """Return the size at which an encoder is compared: None, its own, where the library's model reads no other."""
    return None if encoder.identity.architecture == SPECTROGRAM else encoder.preprocessing.image_size


def _difference(encoder: Encoder, family: Family, library: str) -> float:
    identity = encoder.identity
    plain = load_backbone(
        identity.id,
        image_size=_size(encoder),
        device="cpu",
        dtype="float32",
        revision=identity.revision,
        files=identity.files,
    )
    far = deviation(plain, _model(library, identity.id, identity.revision), normed=family.normed)
    if not far <= LARGEST:
        raise BackboneError(
            f"{identity.id!r} does not compute what its own library does: outputs on noise differ by {far:.1e}, "
            f"more than {LARGEST:.0e}. Encode the inputs with that library and learn from the vectors with "
            "backbone 'features'"
        )
    return float(f"{far:.1e}")


@torch.no_grad()
def deviation(encoder: Encoder, model: nn.Module, *, normed: bool = True) -> float:
    """Return the largest difference of outputs on noise, relative to the largest output of the library's model."""
    inputs = encoder.noise(COUNT)
    got = encoder.states(inputs, slice(encoder.depth, encoder.depth + 1))[:, 0]
    got = encoder.norm(got) if normed else got
    if isinstance(encoder, WhisperEncoder):
        model = _shortened(model, len(encoder.places))
    wanted: Tensor = model(**encoder.for_library(inputs), **_options(model, inputs)).last_hidden_state
    if isinstance(encoder, WhisperEncoder):  # the library takes each window for an input
        wanted = wanted.reshape(len(inputs), -1, wanted.shape[-1])
    if encoder.padded:
        wanted = wanted * encoder.states(inputs, slice(0, 1))[:, 0].any(dim=-1)[..., None]
    if got.shape != wanted.shape:
        return float("inf")
    return float((got - wanted).abs().max() / wanted.abs().max())


def _shortened(model: nn.Module, tokens: int) -> nn.Module:
    """Return Whisper's encoder for recordings of fewer moments than its 30 seconds have."""
    inner: Any = model.encoder if hasattr(model, "decoder") else model
    table = inner.embed_positions.weight[:tokens]
    inner.embed_positions = nn.Embedding.from_pretrained(table)
    inner.config.max_source_positions = inner.max_source_positions = tokens
    whole: nn.Module = inner
    return whole


def _options(model: nn.Module, inputs: Tensor) -> dict[str, Any]:
    taken = inspect.signature(model.forward).parameters
    if "noise" in taken:  # a masked autoencoder hides none of the patches and leaves them in order
        config: Any = model.config
        config.mask_ratio = 0.0
        patches = (inputs.shape[-1] // config.patch_size) ** 2
        return {
            "noise": torch.arange(patches, dtype=torch.float32).expand(len(inputs), -1),
            **_resized(taken),
        }
    return _resized(taken)


def _resized(taken: Mapping[str, Any]) -> dict[str, Any]:
    return {"interpolate_pos_encoding": True} if "interpolate_pos_encoding" in taken else {}


def _model(library: str, source: str, revision: str | None) -> nn.Module:
    import transformers

    if library == "WhisperModel":
        from transformers.models.whisper.modeling_whisper import WhisperEncoder as Library

        return read_weights(Library, source, revision)
    kind = getattr(transformers, library)
    whole = "add_pooling_layer" in inspect.signature(kind.__init__).parameters
    return read_weights(kind, source, revision, **({"add_pooling_layer": False} if whole else {}))
