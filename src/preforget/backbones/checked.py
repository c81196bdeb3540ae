"""Does an encoder compute what its own library does? Compared on noise when a model is learned, and on request."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from preforget.backbones.checkpoint import read_weights
from preforget.backbones.encoder import Encoder
from preforget.backbones.load import load_backbone
from preforget.backbones.picture_families import FAMILIES as PICTURES
from preforget.backbones.pinned import pinned
from preforget.backbones.speech_encoder import WhisperEncoder
from preforget.backbones.speech_families import WAVES
from preforget.backbones.text_families import FAMILIES as TEXTS
from preforget.core.errors import BackboneError

LARGEST = 1e-4
"""The largest relative difference in float32; sums in another order give about 1e-6."""

COUNT = 2
"""How many inputs of noise are compared."""


@dataclass(frozen=True)
class Reference:
    """The class of a library that computes the same.

    `normed`: whether its output comes after the last norm; `learning`: whether every learning compares. The loaders of
    ViT, DeiT and AST, which a table doesn't make, are compared on request: the library's classes take seconds to
    import.
    """

    library: str
    normed: bool = True
    learning: bool = True


REFERENCES: Mapping[str, Reference] = {
    "vit": Reference("ViTModel", learning=False),
    "deit": Reference("DeiTModel", learning=False),
    "audio-spectrogram-transformer": Reference("ASTModel", learning=False),
    **{name: Reference(row.library, row.outputs_normed) for name, row in PICTURES.items()},
    **{name: Reference(row.library) for name, row in TEXTS.items()},
    **{name: Reference(row.library) for name, row in WAVES.items()},
    "whisper": Reference("WhisperModel"),
}
"""By the architecture of an encoder."""


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
    reference = REFERENCES.get(identity.architecture)
    if reference is None or not identity.files or identity.checked is not None:
        return encoder
    plain = load_backbone(
        identity.id,
        image_size=encoder.preprocessing.image_size,
        device="cpu",
        dtype="float32",
        revision=identity.revision,
        files=identity.files,
    )
    far = deviation(plain, _model(reference, identity.id, identity.revision), normed=reference.normed)
    if not far <= LARGEST:
        raise BackboneError(
            f"{identity.id!r} does not compute what its own library does: outputs on noise differ by {far:.1e}, "
            f"more than {LARGEST:.0e}. Encode the inputs with that library and learn from the vectors with "
            "backbone 'features'"
        )
    return replace(encoder, identity=replace(identity, checked=float(f"{far:.1e}")))


def checked_for_learning(encoder: Encoder) -> Encoder:
    """Return `checked(encoder)` where the family is compared whenever a model is learned, else `encoder`."""
    reference = REFERENCES.get(encoder.identity.architecture)
    return checked(encoder) if reference is not None and reference.learning else encoder


@torch.no_grad()
def deviation(encoder: Encoder, model: nn.Module, *, normed: bool = True) -> float:
    """Return the largest difference of outputs on noise, relative to the largest output of the library's model."""
    inputs = encoder.noise(COUNT)
    got = encoder.states(inputs, slice(encoder.depth, encoder.depth + 1))[:, 0]
    got = encoder.norm(got) if normed else got
    if isinstance(encoder, WhisperEncoder):
        model = _shortened(model, encoder.tokens)
    wanted: Tensor = model(**encoder.for_library(inputs), **_options(model, inputs)).last_hidden_state
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


def _model(reference: Reference, source: str, revision: str | None) -> nn.Module:
    import transformers

    if reference.library == "WhisperModel":
        from transformers.models.whisper.modeling_whisper import WhisperEncoder as Library

        return read_weights(Library, source, revision)
    kind = getattr(transformers, reference.library)
    whole = "add_pooling_layer" in inspect.signature(kind.__init__).parameters
    return read_weights(kind, source, revision, **({"add_pooling_layer": False} if whole else {}))
