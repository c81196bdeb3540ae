"""Every row of every table against the library's own model, on random checkpoints of two blocks."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from preforget.backbones import Encoder, class_path, load_backbone
from preforget.backbones.checked import checked, deviation
from preforget.backbones.families import BACKBONES
from preforget.backbones.family import Family, family_of

from .tiny_families import PICTURES, SPEECH, TEXTS, layers_of, write_tiny

ONE = {"clip": "clip_vision_model", "siglip": "siglip_vision_model"}
"""Models of two sides, whose rows are those of their picture side."""

SIZES = {**dict.fromkeys(PICTURES, (32, 48)), **dict.fromkeys(TEXTS, (12,)), **dict.fromkeys(SPEECH, (40,))}
"""Pixels, words or frames; positions of pictures are interpolated as the library does."""


def load(folder: Path, size: int | None = None) -> Encoder:
    return load_backbone(str(folder), device="cpu", dtype="float32", image_size=size)


def test_every_row_of_a_table_is_tested() -> None:
    rows = {name: row for name, row in BACKBONES.items() if row.__class__.__module__.startswith("preforget.")}
    assert all(isinstance(row, Family) for row in rows.values())
    with_library = {name for name, row in rows.items() if isinstance(row, Family) and row.library}
    tried = {name.split()[0] for name in SIZES}
    assert {name for name in with_library if ONE.get(name, name) not in tried} == set()
    assert all(rows[name] is rows[other] for name, other in ONE.items())
    assert set(rows) - with_library == {"timm"}  # tests/backbones/test_timm_family.py


@pytest.mark.parametrize("name", list(SIZES))
def test_as_the_library_computes(tmp_path: Path, name: str) -> None:
    folder, model = write_tiny(tmp_path, name)
    family = family_of(name.split()[0])
    assert family is not None
    for size in SIZES[name][1:]:
        assert deviation(load(folder, size), model, normed=family.normed) < 2e-6
    encoder = load(folder, SIZES[name][0])
    assert encoder.padded == (name in TEXTS)
    states = encoder.states(encoder.noise(2), slice(0, None))
    assert states.shape == (2, encoder.depth + 1, encoder.tokens, 24)
    class_path_is_one_more_token(encoder, layers_of(name, model))
    found = checked(encoder).identity.checked
    assert found is not None
    assert found < 2e-6


@torch.no_grad()
def class_path_is_one_more_token(encoder: Encoder, layers: nn.ModuleList) -> None:
    """A class token goes the way that the library's own layer takes one more token, which no other token sees."""
    inputs = encoder.noise(2)
    wanted = torch.randn(2, 3, encoder.dim, generator=torch.Generator().manual_seed(0))
    z = wanted.transpose(0, 1).unsqueeze(2)
    nothing = {"offsets": torch.zeros(3, 1, 1, encoder.dim)}
    for block, layer, (h, keys, values) in zip(encoder.blocks, layers, encoder.walk(inputs), strict=False):
        z = class_path.advance(block, z, nothing, keys, values)
        rows = [
            first_of(layer, torch.cat([wanted[:, [i]], h], dim=1), block.rope, padded=encoder.padded)
            for i in range(3)
        ]
        wanted = torch.stack(rows, dim=1)
        assert (z[:, :, 0].transpose(0, 1) - wanted).abs().max() < 2e-6 * wanted.abs().max()


def first_of(layer: nn.Module, tokens: Tensor, rope: Any, *, padded: bool) -> Tensor:
    """Return what a layer of the library makes of the first token; where texts are padded it stands at angle 0."""
    options: dict[str, Any] = {}
    if "attention_mask" in inspect.signature(layer.forward).parameters:
        hidden = torch.zeros(tokens.shape[:2]).masked_fill(~tokens.any(dim=-1), float("-inf"))[:, None, None]
        options["attention_mask"] = hidden.expand(-1, 1, tokens.shape[1], -1) if padded else None
    if rope is not None and padded:
        first = (torch.ones(1, rope[0].shape[1]), torch.zeros(1, rope[0].shape[1]))
        rope = tuple(torch.cat(pair)[None] for pair in zip(first, rope, strict=True))
    if rope is not None:
        options["position_embeddings"] = rope
    out = layer(tokens, **options)
    return (out[0] if isinstance(out, tuple) else out)[:, 0]
