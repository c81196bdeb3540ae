from __future__ import annotations

import json
from pathlib import Path

import pytest

from preforget.backbones import load_backbone
from preforget.backbones.families import BACKBONES, loader_for
from preforget.backbones.picture_families import FAMILIES
from preforget.core.errors import BackboneError


def test_our_families() -> None:
    assert {"vit", "deit", "audio-spectrogram-transformer"} <= set(BACKBONES)
    assert loader_for("deit", "x") is FAMILIES["deit"]
    assert BACKBONES.extension_modules() == []


@pytest.mark.parametrize("kind", ["gpt2", "nobody-knows-this"])
def test_an_unknown_type_lists_the_families_and_names_the_registry(kind: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(BackboneError) as caught:
        load_backbone(str(tmp_path), device="cpu")
    for part in (f"architecture {kind!r}", ", vit", "preforget.backbones.families.BACKBONES"):
        assert part in str(caught.value)


def test_a_family_that_people_ask_for_says_why_it_is_not_read() -> None:
    with pytest.raises(BackboneError, match=r"siglip2.*NaFlex.*google/siglip2-base-patch16-224.*'features'"):
        loader_for("siglip2", "x")
