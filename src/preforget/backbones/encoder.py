"""A frozen encoder: embed pixels, run blocks, norm. It never changes, and no gradient reaches its weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones.block import Block, tokens_in
from preforget.backbones.precision import dtype_name
from preforget.core.errors import UsageError
from preforget.data.dataset import Images
from preforget.data.images import read_batch
from preforget.data.picture_steps import PictureSteps

LARGE = 1 << 18
"""Numbers in the states of an input beyond which fewer inputs are read at once; ViT-L has less at 224 px."""


@dataclass(frozen=True)
class Preprocessing:
    """How an 8-bit image becomes numbers: side length in pixels, mean and std per channel, after /255.

    `steps`: how a picture becomes that square; None: as models of earlier versions, squashed with a bicubic filter.
    """

    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    steps: PictureSteps | None = None


@dataclass(frozen=True)
class Identity:
    """Which checkpoint an encoder is: id or path, revision on the hub, architecture, digest of all tensors.

    `files`: the digests of its files by name, empty if it isn't read from files of a checkpoint. `checked`: how far
    its output was from that of its own library, see `backbones.checked`; None if that wasn't compared. `licence`: what
    its files state, None where they state none.
    """

    id: str
    revision: str | None
    architecture: str
    digest: str
    files: Mapping[str, str] = field(default_factory=dict)
    checked: float | None = None
    licence: str | None = None


@dataclass(frozen=True)
class Embedding:
    """Patch projection `[D, 3 P P]`, prefix tokens `[K, D]` (CLS first), positions `[K + patches, D]`.

    `K` is 0 where there is no CLS. `norm`: weight and bias of a norm before the first block, if there is one.
    """

    patch_weight: Tensor
    patch_bias: Tensor
    prefix: Tensor
    positions: Tensor
    patch_size: int
    norm: tuple[Tensor, Tensor] | None = None


@dataclass(frozen=True)
class Encoder:
    """A frozen vision transformer; `D` is its width, `N` its tokens for the chosen image size."""

    embedding: Embedding
    blocks: tuple[Block, ...]
    norm_weight: Tensor
    norm_bias: Tensor
    eps: float
    preprocessing: Preprocessing
    identity: Identity

    final_norm: bool = field(default=True, kw_only=True)
    """Whether a norm stands after the last block; else `norm_weight` says no more than the width."""

    kind: ClassVar[str] = "images"
    """The kind of inputs that it reads, see `data.as_inputs`."""

    files_read: ClassVar[tuple[str, ...]] = ()
    """Files of a checkpoint that are read beside settings and weights, where they are there."""

    @property
    def dim(self) -> int:
        """The width `D`."""
        return self.norm_weight.shape[0]

    @property
    def depth(self) -> int:
        """The number of blocks."""
        return len(self.blocks)

    @property
    def prefix(self) -> int:
        """How many tokens stand before those of the input, CLS first; 0 where there is no CLS."""
        return len(self.embedding.prefix)

    @property
    def padded(self) -> bool:
        """Whether inputs are filled up with padding, whose states are zeros."""
        return any(block.padded for block in self.blocks)

    def summary(self, states: Tensor) -> Tensor:
        """Return one state `[..., D]` for each input of `[..., N, D]`: that of CLS, or the mean without CLS."""
        return states[..., 0, :] if self.prefix else mean_of_tokens(states, padded=self.padded)

    @property
    def tokens(self) -> int:
        """The number `N` of tokens of an image, CLS included."""
        return self.embedding.positions.shape[0]

    def at_once(self, most: int) -> int:
        """Return how many inputs are read in one batch: `most`, a power of two, or a smaller one for large inputs."""
        fits = most * LARGE // (self.tokens * self.dim)
        return min(most, max(1, 1 << (fits.bit_length() - 1))) if fits else 1

    @property
    def device(self) -> torch.device:
        """The device on which it computes."""
        return self.norm_weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The number format in which it computes."""
        return self.norm_weight.dtype

    def read(self, inputs: Images, rows: Sequence[int]) -> Tensor:
        """Read the chosen inputs and return what `embed` takes, `[batch, ...]`; raises `DataError`."""
        p = self.preprocessing
        return self.pixels(read_batch(inputs, rows, p.steps or p.image_size))

    def remark(self, inputs: Images) -> str | None:
        """Return a sentence on what is left out of these inputs, for whoever learns from them; None if nothing is."""
        return None

    def noise(self, count: int) -> Tensor:
        """Return `count` inputs of seeded noise, in the form that `read` returns; not data."""
        size = self.preprocessing.image_size
        drawn = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
        return self.pixels(drawn)

    def pixels(self, images: np.ndarray) -> Tensor:
        """Turn numbers in 0..255, `[batch, size, size, 3]`, into normalised `[batch, 3, size, size]` on its device."""
        x = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2).to(torch.float32)
        mean = torch.tensor(self.preprocessing.mean, device=self.device).view(3, 1, 1) * 255
        std = torch.tensor(self.preprocessing.std, device=self.device).view(3, 1, 1) * 255
        return ((x - mean) / std).to(self.dtype)

    def embed(self, pixels: Tensor) -> Tensor:
        """Turn `[batch, 3, size, size]` into the hidden states that enter block 0, `[batch, N, D]`."""
        e = self.embedding
        side = pixels.shape[-1] // e.patch_size  # what is left over is not read
        pixels = pixels[..., : side * e.patch_size, : side * e.patch_size]
        batch, channels, _, _ = pixels.shape
        patches = pixels.reshape(batch, channels, side, e.patch_size, side, e.patch_size)
        patches = patches.permute(0, 2, 4, 1, 3, 5).reshape(batch, side * side, -1)
        x = F.linear(patches, e.patch_weight, e.patch_bias)
        x = torch.cat([e.prefix.expand(len(x), -1, -1), x], dim=1) + e.positions
        return x if e.norm is None else F.layer_norm(x, x.shape[-1:], *e.norm, self.eps)

    @torch.no_grad()
    def walk(self, pixels: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield for every block its input `[batch, N, D]` and its keys and values `[batch, H, N, D/H]`.

        After the last block, one more triple holds the encoder's output before the final norm and two empty tensors.
        """
        h = self.embed(pixels)
        for block in self.blocks:
            out, k, v = block.forward(h)
            yield h, k, v
            h = out
        yield h, h.new_empty(0), h.new_empty(0)

    @torch.no_grad()
    def states(self, pixels: Tensor, blocks: slice) -> Tensor:
        """Return the hidden states that enter `blocks` (block `depth`: the output), `[batch, states, N, D]`."""
        h, states = self.embed(pixels), []
        start, stop, _ = blocks.indices(self.depth + 1)
        for number in range(stop):
            if number:  # the last block is not run: nobody asks for what it makes
                h = self.blocks[number - 1].forward(h)[0]
            if number >= start:
                states.append(h)
        return torch.stack(states, dim=1)

    def reading(self, background: str | None = None, axis: int | None = None) -> Self:
        """Return the same encoder with another colour under transparent pixels, or another axis of volumes.

        None leaves them as they are, see `PictureSteps`. Raises `UsageError` for what is no colour or axis, and for an
        encoder that reads no images.
        """
        if background is None and axis is None:
            return self
        if self.kind != "images":
            raise UsageError(
                f"a background or an axis is for images, and the backbone reads {self.kind}; leave it out"
            )
        p = self.preprocessing
        steps = p.steps or PictureSteps.squash(p.image_size)
        background = steps.background if background is None else background
        steps = replace(steps, background=background, axis=steps.axis if axis is None else axis)
        return replace(self, preprocessing=replace(p, steps=steps))

    def for_library(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return what `read` gave by the names that the library's own model takes it, see `backbones.checked`."""
        return {"pixel_values": inputs}

    def describe(self) -> dict[str, Any]:
        """Return the encoder's identity and how it reads images, as plain values."""
        i, p = self.identity, self.preprocessing
        return {
            "id": i.id,
            "revision": i.revision,
            "architecture": i.architecture,
            "digest": i.digest,
            "image_size": p.image_size,
            "mean": list(p.mean),
            "std": list(p.std),
            "dtype": dtype_name(self.dtype),
            **({"steps": p.steps.as_dict()} if p.steps else {}),
            **({"files": dict(i.files)} if i.files else {}),
            **({"checked": i.checked} if i.checked is not None else {}),
            **({"licence": i.licence} if i.licence else {}),
        }

    def norm(self, h: Tensor) -> Tensor:
        """Return the final `LN(h)`, same shape; `h` where the family has none."""
        if not self.final_norm:
            return h
        return F.layer_norm(
            h, (self.dim,), self.norm_weight.to(h.dtype), self.norm_bias.to(h.dtype), self.eps
        )


def mean_of_tokens(states: Tensor, *, padded: bool) -> Tensor:
    """Return the mean state of `[..., n, D]`, `float32 [..., D]`, without padding, whose states are zeros."""
    if not padded:
        return states.float().mean(dim=-2)
    tokens = tokens_in(states)
    return states.float().sum(dim=-2) / tokens.sum(dim=-1, keepdim=True).clamp_min(1)
