"""ViT, DeiT and AST checkpoints without transformers' model classes, whose import takes seconds in each process.

The names of modules and tensors are those of transformers 5, so that digests of weights are the same either way.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from preforget.backbones.checkpoint import layers_in, other_depth, read_settings, read_tensors, read_weights
from preforget.backbones.rows import BlockRow
from preforget.backbones.stored import renamed
from preforget.core.errors import BackboneError

BASES = ("", "vit.", "deit.", "audio_spectrogram_transformer.")
"""Prefixes of tensor names: none, or the name of the base model in a model with a head."""

OLDER_NAMES = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"^encoder\.layer\.", "layers."),
        (r"\.attention\.attention\.query\.", ".attention.q_proj."),
        (r"\.attention\.attention\.key\.", ".attention.k_proj."),
        (r"\.attention\.attention\.value\.", ".attention.v_proj."),
        (r"\.attention\.output\.dense\.", ".attention.o_proj."),
        (r"\.intermediate\.dense\.", ".mlp.fc1."),
        (r"(\d)\.output\.dense\.", r"\1.mlp.fc2."),
    )
)
"""Names of tensors in files that transformers before 5 wrote, as most files on the hub."""

VIT_BLOCK = BlockRow(
    "layers.{}.",
    "layernorm_before",
    ("attention.q_proj", "attention.k_proj", "attention.v_proj"),
    "attention.o_proj",
    "layernorm_after",
    (("mlp.fc1",),),
    ("mlp.fc2",),
)
"""Names of tensors in a layer of ViT, DeiT and AST."""


@dataclass(frozen=True)
class Shape(ABC):
    """The settings of an encoder in `config.json`; missing ones have the defaults of transformers' classes."""

    model_type: str
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02
    patch_size: int = 16
    qkv_bias: bool = True
    commit: str | None = None

    @property
    @abstractmethod
    def channels(self) -> int:
        """Return how many channels a patch has."""

    @property
    @abstractmethod
    def prefix(self) -> tuple[str, ...]:
        """Return the names of the tokens before the patches."""

    @property
    @abstractmethod
    def patches(self) -> int:
        """Return how many patches an input of the checkpoint's own size has."""


@dataclass(frozen=True)
class ImageShape(Shape):
    """The shape of a ViT or DeiT."""

    image_size: int = 224
    num_channels: int = 3

    @property
    def channels(self) -> int:
        """Return how many channels a patch has."""
        return self.num_channels

    @property
    def prefix(self) -> tuple[str, ...]:
        """Return the names of the tokens before the patches."""
        return ("cls_token", "distillation_token") if self.model_type == "deit" else ("cls_token",)

    @property
    def patches(self) -> int:
        """Return how many patches an image of the checkpoint's own size has."""
        return (self.image_size // self.patch_size) ** 2


@dataclass(frozen=True)
class SpectrogramShape(Shape):
    """The shape of an AST."""

    frequency_stride: int = 10
    time_stride: int = 10
    max_length: int = 1024
    num_mel_bins: int = 128

    @property
    def channels(self) -> int:
        """Return how many channels a patch has."""
        return 1

    @property
    def prefix(self) -> tuple[str, ...]:
        """Return the names of the tokens before the patches."""
        return ("cls_token", "distillation_token")

    @property
    def patches(self) -> int:
        """Return how many patches a spectrogram of the checkpoint's own length has."""
        down, along = self.grid(self.max_length)
        return down * along

    def grid(self, frames: int) -> tuple[int, int]:
        """Return how many patches there are along frequency and along time."""
        down = (self.num_mel_bins - self.patch_size) // self.frequency_stride + 1
        return down, (frames - self.patch_size) // self.time_stride + 1


S = TypeVar("S", bound=Shape)


def read_shape(kind: type[S], source: str, revision: str | None) -> S:
    """Read a checkpoint's `config.json`; raises `BackboneError` if a value is of another type or below 1."""
    settings = {**read_settings(source, revision)}
    settings["commit"] = settings.pop("_commit_hash", None)
    types = {field.name: str(field.type) for field in fields(kind)}
    values = {name: settings[name] for name in types if name in settings}
    for name, value in values.items():
        if not _fits(types[name], value):
            raise BackboneError(
                f"{source!r}: {name} in config.json must be {KINDS[types[name]]}, got {value!r}"
            )
    shape = kind(**values)
    if shape.hidden_size % shape.num_attention_heads:
        raise BackboneError(
            f"{source!r}: a width of {shape.hidden_size} can't be divided among {shape.num_attention_heads} heads"
        )
    return shape


KINDS = {
    "int": "a whole number of at least 1",
    "float": "a number of at least 0",
    "bool": "true or false",
    "str": "a text",
    "str | None": "a text",
}


def _fits(kind: str, value: Any) -> bool:
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if kind == "float":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    if kind == "bool":
        return isinstance(value, bool)
    return isinstance(value, str) or (value is None and kind == "str | None")


class Embeddings(nn.Module):
    """The convolution over patches, the tokens before them, and the positions of all."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, patch = shape.hidden_size, shape.patch_size
        for name in shape.prefix:
            self.register_parameter(name, nn.Parameter(torch.empty(1, 1, width)))
        tokens = len(shape.prefix) + shape.patches
        self.position_embeddings = nn.Parameter(torch.empty(1, tokens, width))
        self.patch_embeddings = nn.ModuleDict({"projection": nn.Conv2d(shape.channels, width, patch, patch)})


class Attention(nn.Module):
    """The four projections of one layer's attention."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.hidden_size
        self.q_proj, self.k_proj, self.v_proj = (
            nn.Linear(width, width, bias=shape.qkv_bias) for _ in range(3)
        )
        self.o_proj = nn.Linear(width, width)


class Feedforward(nn.Module):
    """The two linear maps of one layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.fc1 = nn.Linear(shape.hidden_size, shape.intermediate_size)
        self.fc2 = nn.Linear(shape.intermediate_size, shape.hidden_size)


class Layer(nn.Module):
    """One layer: norms, attention, feedforward."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention = Attention(shape)
        self.mlp = Feedforward(shape)
        self.layernorm_before = nn.LayerNorm(shape.hidden_size)
        self.layernorm_after = nn.LayerNorm(shape.hidden_size)


class Layout(nn.Module, Generic[S]):
    """All tensors of an encoder, without computation; `config` holds its shape too, as in transformers."""

    def __init__(self, shape: S) -> None:
        super().__init__()
        self.shape = self.config = shape
        self.embeddings = Embeddings(shape)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))
        self.layernorm = nn.LayerNorm(shape.hidden_size)


def layout_of(shape: S, tensors: dict[str, Tensor]) -> Layout[S]:
    """Return a frozen layout with the tensors of these names; others are left out, missing ones are a `ValueError`."""
    with torch.device("meta"):
        layout = Layout(shape)
    expected = layout.state_dict()
    missing = [name for name in expected if name not in tensors]
    missing += [name for name in expected if name in tensors and tensors[name].shape != expected[name].shape]
    if missing:
        raise ValueError(f"lacks {len(missing)} tensors of its architecture, the first: {min(missing)}")
    state = {name: tensors[name].to(torch.float32, copy=True).contiguous() for name in expected}
    layout.load_state_dict(state, assign=True)
    return layout.eval().requires_grad_(False)


def read_layout(shape: Shape, source: str, revision: str | None, kind: str) -> nn.Module:
    """Read a checkpoint's weights in float32, frozen; raises `BackboneError` if one is missing or damaged.

    `kind` names transformers' model class, which reads weights that aren't in safetensors.
    """
    stored = read_tensors(source, revision)
    if stored is None:
        import transformers

        options = {} if kind == "ASTModel" else {"add_pooling_layer": False}
        return read_weights(getattr(transformers, kind), source, revision, **options)
    base = next((b for b in BASES if f"{b}embeddings.cls_token" in stored), "")
    tensors = {
        renamed(name.removeprefix(base), OLDER_NAMES): value
        for name, value in stored.items()
        if name.startswith(base)
    }
    if (layers := layers_in(tensors)) > shape.num_hidden_layers:
        raise other_depth(source, shape.num_hidden_layers, layers)
    try:
        return layout_of(shape, tensors)
    except ValueError as error:
        raise BackboneError(f"{source!r} {error}") from None
