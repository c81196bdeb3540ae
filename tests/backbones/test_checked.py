from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from preforget.backbones import Encoder, load_backbone
from preforget.backbones import checked as module
from preforget.backbones.checked import checked
from preforget.backbones.picture_families import FAMILIES
from preforget.core.errors import BackboneError

from .tiny_families import write_tiny


def test_the_result_stands_in_the_description(tmp_path: Path) -> None:
    folder, _ = write_tiny(tmp_path, "dinov2")
    encoder = load_backbone(str(folder), image_size=48, device="cpu", dtype="bfloat16")
    assert "checked" not in encoder.describe()
    known = checked(encoder)
    assert 0 < known.describe()["checked"] < 1e-5
    assert known.describe()["dtype"] == "bfloat16"
    assert checked(known) is known


def test_a_checkpoint_that_computes_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = write_tiny(tmp_path, "dinov2")
    encoder = load_backbone(str(folder), device="cpu", dtype="float32")
    other = load_file(folder / "model.safetensors")
    unlike = replace(FAMILIES["dinov2"], normed=False)
    monkeypatch.setattr(module, "family_of", lambda _: unlike)
    with pytest.raises(BackboneError, match=r"does not compute what its own library does.*'features'"):
        checked(encoder)
    other["layernorm.bias"] += 1
    save_file(other, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BackboneError, match=r"model.safetensors differs"):  # not the files that were loaded
        checked(encoder)


def test_vit_too_and_the_builtin_ones_never(tiny_encoder: Encoder) -> None:
    assert torch.tensor(checked(tiny_encoder).identity.checked) < 1e-5
    builtin = load_backbone("builtin", image_size=16, device="cpu", dtype="float32")
    assert checked(builtin) is builtin
