"""Encoders of pictures by the row of their family: patches, the tokens before them, positions, blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import SimpleNamespace

import torch
from torch import Tensor

from preforget.backbones.encoder import Embedding, Encoder, Preprocessing
from preforget.backbones.family import Checkpoint, Family
from preforget.backbones.positions import resize_positions
from preforget.backbones.preprocessing import picture_preprocessing
from preforget.backbones.stored import Stored
from preforget.core.errors import BackboneError


@dataclass(frozen=True, kw_only=True)
class PictureFamily(Family):
    """Where a family keeps what an `Encoder` of pictures is made of; `known` is the convolution over patches.

    Args:
        norm: The norm after the last block.
        cls: CLS, and a token for distillation, where there are any; with positions where the table has them.
        positions: The table of positions, if there is one.
        registers: Tokens between CLS and patches, without positions.
        before: A norm between the embedding and the first block.
        antialias: Whether positions are smoothed where a smaller grid is interpolated.
        rope: Whether patches are turned by their places.
        gate: The function of gated MLPs, where it isn't `act`.
    """

    norm: str
    cls: tuple[str, ...] = ()
    positions: str | None = None
    registers: str | None = None
    before: str | None = None
    antialias: bool = False
    rope: bool = False
    gate: str | None = None

    @property
    def patches(self) -> str:
        """The convolution over patches, without `.weight`."""
        return self.known.removesuffix(".weight")

    def build(self, checkpoint: Checkpoint, image_size: int | None, commit: str | None) -> Encoder:
        """Return the encoder of an opened checkpoint."""
        stored, put = checkpoint.stored, checkpoint.put
        kernel = self.kernel(stored)
        if kernel.dim() != 4 or kernel.shape[1] != 3 or kernel.shape[2] != kernel.shape[3]:
            raise BackboneError(
                f"{stored.source!r}: patches must be squares of 3 channels, got {tuple(kernel.shape)}"
            )
        dim, patch = len(kernel), kernel.shape[2]
        preprocessing = self.preprocessing(checkpoint, patch, image_size)
        side = preprocessing.image_size // patch
        blocks = checkpoint.blocks()
        if self.gate:
            blocks = [replace(block, act=self.gate) if block.gated else block for block in blocks]
        if self.rope:
            theta = checkpoint.settings.number("rope_theta", 100.0)
            rope = patch_rope(side, dim // blocks[0].heads, theta)
            blocks = [replace(block, rope=rope) for block in blocks]
        prefix, positions = self.places(stored, dim, side)
        before = stored.norm(self.before) if self.before else None
        embedding = Embedding(
            put(kernel.flatten(1)),
            put(stored.zeros(f"{self.patches}.bias", dim)),
            put(prefix),
            put(positions),
            patch,
            None if before is None or not len(before[0]) else checkpoint.pair(before),
        )
        weight, bias = stored.norm(self.norm)
        normed = bool(len(weight))
        return Encoder(
            embedding,
            checkpoint.moved(blocks),
            put(weight if normed else torch.ones(dim)),
            put(bias if normed else torch.zeros(dim)),
            blocks[0].eps,
            preprocessing,
            checkpoint.identity(commit, stored.digest()),
            final_norm=normed,
        )

    def kernel(self, stored: Stored) -> Tensor:
        """Return the convolution over patches, `[D, 3, P, P]`."""
        return stored.get(self.known)

    def preprocessing(self, checkpoint: Checkpoint, patch: int, image_size: int | None) -> Preprocessing:
        """Return how the checkpoint reads pictures."""
        own = checkpoint.settings.whole("image_size", 224)
        shape = SimpleNamespace(model_type=checkpoint.model_type, image_size=own, patch_size=patch)
        return picture_preprocessing(checkpoint.source, checkpoint.revision, shape, image_size)

    def places(self, stored: Stored, dim: int, side: int) -> tuple[Tensor, Tensor]:
        """Return the tokens before the patches `[K, D]` and the positions of all, `[K + side side, D]`."""
        tokens = [stored.get(name).reshape(-1, dim) for name in self.cls if self.has_token(stored, name)]
        cls = torch.cat([torch.zeros(0, dim), *tokens])
        registers = torch.zeros(0, dim)
        if self.registers and stored.has(self.registers):
            registers = stored.get(self.registers).reshape(-1, dim)
        prefix = torch.cat([cls, registers])
        if not self.positions:
            return prefix, torch.zeros(len(prefix) + side * side, dim)
        table = stored.get(self.positions).reshape(-1, dim)
        first = self.before_patches(len(table), len(cls), len(registers))
        if first is None:
            raise BackboneError(f"{stored.source!r}: {len(table)} positions are those of no square")
        table = resize_positions(table, first, side, antialias=self.antialias)
        without = torch.zeros(len(prefix) - first, dim)
        return prefix, torch.cat([table[:first], without, table[first:]])

    def has_token(self, stored: Stored, name: str) -> bool:
        """Tell whether a token of `cls` is there; by default none may be missing."""
        return True

    def before_patches(self, positions: int, cls: int, registers: int) -> int | None:
        """Return how many positions stand before those of patches, None if the rest is no square."""
        first = positions - math.isqrt(positions) ** 2
        return first if first in (0, cls) else None


def patch_rope(side: int, width: int, theta: float) -> tuple[Tensor, Tensor]:
    """Return cosines and sines `[side side, width]` of a head's numbers for patches of a square (DINOv3).

    Patches lie between -1 and 1 along both sides, arXiv 2508.10104, section 3.2.
    """
    frequencies = 1 / theta ** torch.arange(0, 1, 4 / width, dtype=torch.float32)
    along = (torch.arange(side, dtype=torch.float32) + 0.5) / side * 2 - 1
    places = torch.stack(torch.meshgrid(along, along, indexing="ij"), dim=-1).flatten(0, 1)
    angles = (2 * math.pi * places[:, :, None] * frequencies).flatten(1).tile(2)
    return angles.cos(), angles.sin()
