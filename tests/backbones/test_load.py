from __future__ import annotations

from pathlib import Path

import pytest
import torch

from preforget.backbones import load_backbone
from preforget.core.errors import BackboneError, UsageError


def test_builtin_is_named_so_wherever_the_package_lies() -> None:
    encoder = load_backbone("builtin", device="cpu", dtype="float32")
    assert encoder.identity.id == "builtin"
    assert encoder.dtype == torch.float32


def test_a_home_folder_is_found(tiny_vit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tiny_vit.parent))
    encoder = load_backbone(f"~/{tiny_vit.name}", device="cpu")
    assert encoder.identity.id == str(tiny_vit)


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "~/nowhere-at-all"])
def test_a_path_that_leads_nowhere_is_not_sought_on_the_hub(name: str) -> None:
    with pytest.raises(BackboneError, match="backbone folder not found"):
        load_backbone(name)


@pytest.mark.parametrize("name", ["", "no such id", "a/b/c", "nobody/nothing-here"])
def test_a_name_that_is_neither_folder_nor_known_to_the_hub(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BackboneError):
        load_backbone(name)


def test_device_and_format_are_checked_before_anything_is_loaded() -> None:
    with pytest.raises(UsageError, match="unknown device"):
        load_backbone("/nowhere", device="toaster")
    with pytest.raises(UsageError, match="unknown dtype"):
        load_backbone("/nowhere", dtype="float17")
