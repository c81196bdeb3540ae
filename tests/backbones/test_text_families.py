"""Every row of the table of text encoders against the library's own model, on random checkpoints of two blocks."""

from __future__ import annotations

import json
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from preforget.backbones import Encoder, class_path, load_backbone
from preforget.backbones.checked import deviation
from preforget.backbones.text_families import FAMILIES
from preforget.core.errors import BackboneError, UsageError

from .tiny_families import TEXTS, write_tiny

LAYERS = {"distilbert": "transformer.layer", "modernbert": "layers"}
"""Where the library's model has its layers, `encoder.layer` elsewhere."""


def load(folder: Path, words: int | None = None) -> Encoder:
    return load_backbone(str(folder), device="cpu", dtype="float32", image_size=words)


def test_every_row_is_tested() -> None:
    assert set(FAMILIES) == set(TEXTS)


@pytest.mark.parametrize("name", list(TEXTS))
def test_as_the_library_computes(tmp_path: Path, name: str) -> None:
    folder, model = write_tiny(tmp_path, name)
    encoder = load(folder, 12)
    assert deviation(encoder, model) < 2e-6
    assert (encoder.prefix, encoder.padded, encoder.tokens) == (1, True, 12)
    class_path_is_one_more_token(encoder, attrgetter(LAYERS.get(name, "encoder.layer"))(model))


@torch.no_grad()
def class_path_is_one_more_token(encoder: Encoder, layers: nn.ModuleList) -> None:
    """A class token goes the way that the library's own layer takes one more token, which no other token sees."""
    inputs = encoder.noise(2)
    z = torch.randn(2, 3, 1, encoder.dim, generator=torch.Generator().manual_seed(0))
    wanted = z[:, :, 0]
    nothing = {"offsets": torch.zeros(3, 1, encoder.dim)}
    for block, layer, (h, keys, values) in zip(encoder.blocks, layers, encoder.walk(inputs), strict=False):
        z = class_path.advance(block, z, nothing, *class_path.side_by_side(keys, values))
        rows = [_first_of(layer, torch.cat([wanted[:, [i]], h], dim=1), block.rope) for i in range(3)]
        wanted = torch.stack(rows, dim=1)
        assert (z[:, :, 0] - wanted).abs().max() < 2e-6 * wanted.abs().max()


def _first_of(layer: nn.Module, tokens: Tensor, rope: tuple[Tensor, Tensor] | None) -> Tensor:
    hidden = torch.zeros(tokens.shape[:2]).masked_fill(~tokens.any(dim=-1), float("-inf"))[:, None, None]
    options: dict[str, Any] = {"attention_mask": hidden.expand(-1, 1, tokens.shape[1], -1)}
    if rope is not None:  # a class token stands at angle 0, where the first word does
        first = (torch.ones(1, rope[0].shape[1]), torch.zeros(1, rope[0].shape[1]))
        options["position_embeddings"] = tuple(
            torch.cat(pair)[None] for pair in zip(first, rope, strict=True)
        )
    out = layer(tokens, **options)
    return (out[0] if isinstance(out, tuple) else out)[:, 0]


def test_how_many_words_are_read(tmp_path: Path) -> None:
    folder, _ = write_tiny(tmp_path, "roberta")
    assert load(folder).tokens == 38  # two places stand before the first word
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 9}')
    assert load(folder).tokens == 9
    assert load(folder, 20).tokens == 20
    for wrong in (2, 39, True):
        with pytest.raises(UsageError, match="whole number from 3 to 38"):
            load(folder, wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"position_embedding_type": "relative_key"}, "only absolute ones are"),
        ({"hidden_act": "odd"}, "hidden_act in config.json must be one of gelu"),
        ({"num_hidden_layers": 1}, "says 1 layers, and its weights have 2"),
    ],
)
def test_a_configuration_that_does_not_fit(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    folder, _ = write_tiny(tmp_path, "bert")
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | change))
    with pytest.raises(BackboneError, match=message):
        load(folder)
