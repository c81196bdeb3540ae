from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import ViTModel

from preforget.backbones.checkpoint import (
    first_line,
    read_config,
    read_preprocessor,
    read_weights,
    weights_digest,
)
from preforget.core.errors import BackboneError

from .conftest import MakeCheckpoint


def test_what_is_read_is_what_was_saved(make_checkpoint: MakeCheckpoint) -> None:
    folder, model = make_checkpoint()
    assert read_config(str(folder), None).model_type == "vit"
    read = read_weights(ViTModel, str(folder), None, add_pooling_layer=False)
    assert weights_digest(read) == weights_digest(model)
    assert not any(parameter.requires_grad for parameter in read.parameters())
    with torch.no_grad():
        next(model.parameters())[0] += 1
    assert weights_digest(read) != weights_digest(model)


@pytest.mark.parametrize("text", ["{", "[]", "3", "\xff"])
def test_a_damaged_preprocessor(make_checkpoint: MakeCheckpoint, text: str) -> None:
    folder, _ = make_checkpoint()
    (folder / "preprocessor_config.json").write_text(text, encoding="latin-1")
    with pytest.raises(BackboneError, match="is damaged"):
        read_preprocessor(str(folder), None)


def test_a_preprocessor_is_read(make_checkpoint: MakeCheckpoint) -> None:
    folder, _ = make_checkpoint()
    (folder / "preprocessor_config.json").write_text(json.dumps({"a": 1}), encoding="utf-8")
    assert read_preprocessor(str(folder), None) == {"a": 1}


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="backbone folder not found"):
        read_config(str(tmp_path / "nowhere"), None)


def test_the_first_line_of_an_error() -> None:
    assert first_line(ValueError(" one\ntwo")) == "one"
    assert first_line(KeyError()) == "KeyError"
