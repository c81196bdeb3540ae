from __future__ import annotations

import json
from pathlib import Path

import pytest

from preforget.backbones import load_backbone
from preforget.cli.main import main


def test_a_checkpoint_is_made_from_the_builtin_vit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ast"
    assert main(["init-ast", "builtin", "--out", str(out), "--frames", "64", "--bins", "32", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["from"], found["frames"], found["mel_bins"], found["patch"]) == ("builtin", 64, 32, 8)
    assert load_backbone(str(out), device="cpu").tokens == found["tokens"] == 2 + 4 * 8
    assert main(["init-ast", "builtin", "--out", str(out)]) == 1
    assert "exists" in capsys.readouterr().err


def test_words_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init-ast", "builtin", "--out", str(tmp_path / "a"), "--frames", "64", "--bins", "32"]) == 0
    assert "hears       0.64 s: 64 frames, 32 mel bins" in capsys.readouterr().out
    assert main(["init-ast", "builtin", "--out", str(tmp_path / "b"), "--kernel", "max"]) == 2
    assert "kernel 'max'" in capsys.readouterr().err
