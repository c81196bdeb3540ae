from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from preforget.backbones import load_backbone
from preforget.backbones.init_ast import AudioShape, ast_from_vit, init_ast, transformers_ast
from preforget.backbones.spectrogram import AudioEncoder
from preforget.core.errors import StoreError, UsageError

from .conftest import MakeCheckpoint

SHAPE = AudioShape(frames=48, bins=24)


@pytest.mark.parametrize("architecture", ["vit", "deit"])
def test_a_grey_picture_gives_the_same_states(make_checkpoint: MakeCheckpoint, architecture: str) -> None:
    """On a grid of the ViT's own shape the AST is that ViT, shown the spectrogram as a grey picture."""
    _folder, vit = make_checkpoint(architecture)
    model: Any = transformers_ast(ast_from_vit(vit, AudioShape(frames=32, bins=32)))
    heard = torch.randn(2, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        seen = vit.embeddings(heard.transpose(1, 2)[:, None].expand(-1, 3, -1, -1))
        found = model.embeddings(heard)
    assert torch.allclose(found[:, 0], seen[:, 0])
    assert torch.allclose(found[:, 2:], seen[:, 2 if architecture == "deit" else 1 :], atol=1e-4)
    assert torch.allclose(found[:, 1], seen[:, 1 if architecture == "deit" else 0])
    for name, tensor in vit.layers.state_dict().items():
        assert torch.equal(model.layers.state_dict()[name], tensor)


def test_what_is_written_is_loaded(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    folder, vit = make_checkpoint()
    found = init_ast(str(folder), tmp_path / "ast", SHAPE)
    encoder = load_backbone(str(tmp_path / "ast"), device="cpu", dtype="float32")
    assert isinstance(encoder, AudioEncoder)
    assert found["tokens"] == encoder.tokens == 2 + 3 * 6
    grid = vit.embeddings.position_embeddings[0, 1:].view(4, 4, -1)
    assert encoder.embedding.positions.shape == (20, 24)
    own = encoder.embedding.positions[2:].view(3, 6, -1)
    # rows 1..3 of 4 are kept, four columns become six: the outermost stay what they are
    assert torch.allclose(own[:, [0, -1]], grid[1:, [0, -1]], atol=1e-6)
    assert not list(tmp_path.glob(".*"))


def test_a_mean_kernel_is_a_third(make_checkpoint: MakeCheckpoint) -> None:
    _, vit = make_checkpoint()
    summed: Any = ast_from_vit(vit, SHAPE)
    mean: Any = ast_from_vit(vit, AudioShape(frames=48, bins=24, kernel="mean"))
    weights = [m.embeddings.patch_embeddings.projection.weight for m in (summed, mean)]
    assert torch.allclose(weights[0], 3 * weights[1], atol=1e-6)


def test_an_ast_gets_another_stride_and_length(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    folder, _ = make_checkpoint()
    init_ast(str(folder), tmp_path / "a", SHAPE)
    found = init_ast(str(tmp_path / "a"), tmp_path / "b", AudioShape(frames=80, bins=24, stride=4))
    encoder = load_backbone(str(tmp_path / "b"), device="cpu", dtype="float32")
    assert found["tokens"] == encoder.tokens == 2 + 5 * 19
    before, after = (load_file(tmp_path / n / "model.safetensors") for n in ("a", "b"))
    assert all(torch.equal(before[n], after[n]) for n in before if "position" not in n)
    with pytest.raises(UsageError, match="hears 24 mel bins"):
        init_ast(str(tmp_path / "a"), tmp_path / "c", AudioShape(frames=80, bins=32))


def test_a_place_that_is_taken(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    folder, _ = make_checkpoint()
    with pytest.raises(StoreError, match="exists"):
        init_ast(str(folder), folder, SHAPE)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (AudioShape(frames=4), "frames must be a whole number of at least 8"),
        (AudioShape(bins=0), "bins must be"),
        (AudioShape(stride=0), "stride must be"),
        (AudioShape(kernel="max"), "kernel 'max'"),
    ],
)
def test_shapes_that_cannot_be(make_checkpoint: MakeCheckpoint, shape: AudioShape, message: str) -> None:
    _, vit = make_checkpoint()
    with pytest.raises(UsageError, match=message):
        ast_from_vit(vit, shape)


def test_builtin_audio_is_made_of_the_builtin_vit() -> None:
    encoder = load_backbone("builtin-audio", device="cpu", dtype="float32")
    again = load_backbone("builtin-audio", image_size=48, device="cpu", dtype="float32")
    assert isinstance(encoder, AudioEncoder)
    assert encoder.identity == again.identity
    assert encoder.identity.id == "builtin-audio"
    assert (encoder.tokens, again.tokens) == (98, 50)
    with pytest.raises(UsageError, match="frames were asked for; give a whole number"):
        load_backbone("builtin-audio", image_size=3)


@pytest.mark.real_data
def test_it_is_the_shared_ast_made_from_vit(tmp_path: Path) -> None:
    root = os.environ.get("PREFORGET_SHARED")
    if not root:
        pytest.skip("PREFORGET_SHARED is not set: no real checkpoint here")
    shared = Path(root) / "backbones"
    shape = AudioShape(frames=400, bins=128, cut=False)
    init_ast(str(shared / "vit-tiny-patch16-224"), tmp_path / "ast", shape)
    ours, theirs = (
        load_file(f / "model.safetensors") for f in (tmp_path / "ast", shared / "ast-tiny-from-vit")
    )
    assert set(ours) == set(theirs)
    for name, tensor in ours.items():
        # theirs is rounded to 16 bits
        assert torch.allclose(tensor, theirs[name].float(), rtol=2e-3, atol=1e-3), name
