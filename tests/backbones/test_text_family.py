"""What is particular to rows of texts; each row is compared in `test_family`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from preforget.backbones import Encoder, load_backbone
from preforget.core.errors import BackboneError, UsageError

from .tiny_families import write_tiny


def load(folder: Path, words: int | None = None) -> Encoder:
    return load_backbone(str(folder), device="cpu", dtype="float32", image_size=words)


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
