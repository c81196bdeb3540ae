"""No checkpoint runs code, and nothing of another one than was learned on is interpreted."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from preforget.backbones import load_backbone
from preforget.backbones.file_digests import check_files, file_digests
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import BackboneError


@pytest.fixture
def checkpoint(tiny_vit: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_vit, tmp_path / "vit"))


class Runs:
    """What touches a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


def test_the_digests_are_those_of_the_files_that_are_read(checkpoint: Path) -> None:
    (checkpoint / "README.md").write_text("not read")
    (checkpoint / "pytorch_model.bin").write_bytes(b"not read beside model.safetensors")
    names = ["config.json", "model.safetensors", "preprocessor_config.json"]
    known = {name: f"sha256:{hashlib.sha256((checkpoint / name).read_bytes()).hexdigest()}" for name in names}
    assert file_digests(str(checkpoint), None) == known
    check_files(str(checkpoint), None, known)
    encoder = load_backbone(str(checkpoint), device="cpu", files=known)
    assert encoder.describe()["files"] == known == load_backbone(str(checkpoint), device="cpu").identity.files
    assert "files" not in load_backbone("builtin", device="cpu").describe()


def test_weights_in_several_files_are_all_known(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").rename(checkpoint / "model-1.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-1.safetensors"}}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps(index))
    known = file_digests(str(checkpoint), None)
    assert {"model-1.safetensors", "model.safetensors.index.json"} < set(known)
    (checkpoint / "model-1.safetensors").write_bytes(b"other")
    with pytest.raises(BackboneError, match=r"model-1.safetensors differs"):
        check_files(str(checkpoint), None, known)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_another_file_is_refused_before_it_is_interpreted(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    X = np.random.default_rng(0).integers(0, 255, (12, 16, 16)).astype(np.uint8)
    model = PreForgettableClassifier(str(checkpoint), "exact", 16, levels=1, device="cpu").fit(
        X, ["a", "b"] * 6
    )
    model.save_pretrained(tmp_path / "model")
    PreForgettableClassifier.from_pretrained(tmp_path / "model", device="cpu")
    (checkpoint / name).write_bytes((checkpoint / name).read_bytes() + b" ")
    monkeypatch.setattr("preforget.backbones.load.read_model_type", lambda *_: pytest.fail("it was read"))
    with pytest.raises(BackboneError, match=f"{name} differs. None of its files was used"):
        PreForgettableClassifier.from_pretrained(tmp_path / "model", device="cpu")
    (checkpoint / name).unlink()
    with pytest.raises(BackboneError, match=f"{name} is missing|no config.json in"):
        PreForgettableClassifier.from_pretrained(tmp_path / "model", device="cpu")


def test_weights_that_would_be_read_in_place_of_the_known_ones_are_refused(checkpoint: Path) -> None:
    torch.save({}, checkpoint / "pytorch_model.bin")
    (checkpoint / "model.safetensors").rename(checkpoint / "away")
    known = file_digests(str(checkpoint), None)
    assert "pytorch_model.bin" in known
    (checkpoint / "away").rename(checkpoint / "model.safetensors")
    with pytest.raises(BackboneError, match=r"model.safetensors was added after the model was learned"):
        check_files(str(checkpoint), None, known)


@pytest.mark.parametrize("model_type", ["vit", "own", "bert"])
def test_code_that_a_configuration_names_is_not_run_nor_asked_about(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_type: str
) -> None:
    from preforget.backbones.checkpoint import read_config

    mark, config = tmp_path / "EXECUTED", json.loads((checkpoint / "config.json").read_text())
    names = {"AutoConfig": "own.Own", "AutoModel": "own.Model", "AutoImageProcessor": "own.Own"}
    config |= {"model_type": model_type, "auto_map": names}
    (checkpoint / "config.json").write_text(json.dumps(config))
    (checkpoint / "own.py").write_text(f"import pathlib\npathlib.Path({str(mark)!r}).touch()\n")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("a question was asked"))
    for load in (load_backbone, lambda source: read_config(source, None)):
        try:
            load(str(checkpoint))
        except BackboneError:
            assert model_type != "vit"
    assert not mark.exists()


def test_code_in_pickled_weights_is_not_run(checkpoint: Path, tmp_path: Path) -> None:
    mark = tmp_path / "EXECUTED"
    (checkpoint / "model.safetensors").unlink()
    with (checkpoint / "pytorch_model.bin").open("wb") as file:
        pickle.dump({"embeddings.cls_token": Runs(mark)}, file, protocol=2)
    for content in (None, {"embeddings.cls_token": Runs(mark)}):
        if content is not None:
            torch.save(content, checkpoint / "pytorch_model.bin")
        with pytest.raises(BackboneError, match=r"weights of .* can't be loaded: .* could run code"):
            load_backbone(str(checkpoint), device="cpu")
    assert not mark.exists()
