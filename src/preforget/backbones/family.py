"""What every row of the tables of families says, whatever it reads, and how a checkpoint is opened by it.

A row is entered in `BACKBONES` as it is: called with a checkpoint's name it loads the encoder.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from preforget.backbones.block import ACTIVATIONS, Block
from preforget.backbones.checkpoint import model_type_of, read_settings
from preforget.backbones.encoder import Encoder, Identity
from preforget.backbones.families import BACKBONES
from preforget.backbones.rows import BlockRow, Names, put
from preforget.backbones.stored import Settings, Stored, read_stored
from preforget.core.errors import BackboneError

Pair = tuple[Tensor, Tensor]
Renaming = tuple[tuple[re.Pattern[str], str], ...]


@dataclass(frozen=True, kw_only=True)
class Family(ABC):
    """Where a family keeps what an encoder is made of, and its settings where `config.json` is silent.

    Args:
        library: The class of transformers that computes the same; none where another library wrote the checkpoints.
        block: The names in a layer.
        known: A tensor that every checkpoint has.
        bases: What may stand before all names in a file.
        older: Names in the files of earlier versions, and what stands for them now.
        needed: Tensors that no checkpoint may lack, with `{}` for the number of a layer; others count as absent parts.
        section: The part of `config.json` that describes a model of several parts.
        names: Other names of settings than ViT's, in `config.json`.
        heads: Number of heads.
        depth: Number of layers.
        eps: Of all norms.
        act: The MLP's function.
        normed: Whether the library's output comes after the last norm.
    """

    library: str | None
    block: BlockRow
    known: str
    bases: Names = ("",)
    older: Renaming = ()
    needed: Names = ()
    section: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    heads: int = 12
    depth: int = 12
    eps: float = 1e-12
    act: str = "gelu"
    normed: bool = True

    def __call__(
        self,
        source: str,
        *,
        image_size: int | None,
        device: torch.device,
        dtype: torch.dtype,
        revision: str | None = None,
    ) -> Encoder:
        """Load a checkpoint, see `families.Loader`."""
        values = read_settings(source, revision)
        section = values.get(self.section, values) if self.section else values
        settings = Settings(source, section if isinstance(section, dict) else {}, self.names)
        stored = read_stored(source, revision, self.bases, self.known, self.older)
        opened = Checkpoint(self, str(model_type_of(values)), settings, stored, revision, device, dtype)
        return self.build(opened, image_size, values.get("_commit_hash") or revision)

    @abstractmethod
    def build(self, checkpoint: Checkpoint, image_size: int | None, commit: str | None) -> Encoder:
        """Return the encoder of an opened checkpoint; `commit`: of the hub."""

    def row(self, settings: Settings) -> BlockRow:
        """Return the names in a layer of a checkpoint with these settings."""
        return self.block


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's settings and tensors, opened by the row of its family."""

    family: Family
    model_type: str
    settings: Settings
    stored: Stored
    revision: str | None
    device: torch.device
    dtype: torch.dtype

    @property
    def source(self) -> str:
        """Its folder, or its id on the hub."""
        return self.stored.source

    @property
    def eps(self) -> float:
        """What its norms add to a variance."""
        return self.settings.number("layer_norm_eps", self.family.eps)

    def blocks(self) -> list[Block]:
        """Return all layers in float32; raises `BackboneError` for tensors or settings that don't fit."""
        heads = self.settings.whole("num_attention_heads", self.family.heads)
        act = self.settings.one_of("hidden_act", self.family.act, ACTIVATIONS)
        row = self.family.row(self.settings)
        depth = row.check_depth(self.stored, self.settings.whole("num_hidden_layers", self.family.depth))
        lacking = [
            name.format(number)
            for number in range(depth)
            for name in self.family.needed
            if not self.stored.has(name.format(number))
        ]
        if lacking:
            raise BackboneError(f"{self.source!r} lacks tensors of its architecture, the first: {lacking[0]}")
        return [row.block(self.stored, number, heads, self.eps, act) for number in range(depth)]

    def moved(self, blocks: list[Block]) -> tuple[Block, ...]:
        """Return layers on the device, in the number format."""
        return tuple(block.to(self.device, self.dtype) for block in blocks)

    def put(self, tensor: Tensor) -> Tensor:
        """Return a tensor on the device, in the number format."""
        return put(tensor, self.device, self.dtype)

    def pair(self, pair: Pair) -> Pair:
        """Return weight and bias on the device, in the number format."""
        return self.put(pair[0]), self.put(pair[1])

    def identity(self, commit: str | None, digest: str) -> Identity:
        """Return which checkpoint it is, by a digest of all that was read of it."""
        return Identity(self.source, commit, self.model_type, digest)


def enter(rows: Mapping[str, Family], module: str) -> None:
    """Enter rows in `BACKBONES` by the `model_type` of `config.json`; `module`: where they stand."""
    for model_type, row in rows.items():
        BACKBONES.register(model_type, module=module)(row)


def family_of(model_type: str) -> Family | None:
    """Return the row of a `model_type`, None where none is known or its loader is no row, as of an extension."""
    loader: Any = next((BACKBONES[name] for name in (model_type,) if name in BACKBONES), None)
    return loader if isinstance(loader, Family) else None
