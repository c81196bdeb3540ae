from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from preforget.backbones import Encoder
from preforget.baselines.lora_head import LORA, LoraHead, LoraHeadConfig
from preforget.core.errors import NotFittedError, UsageError
from preforget.data.dataset import Split, label_array
from preforget.engines.base import Session
from preforget.training.checkpoint import Checkpoint
from preforget.white_box.open_model import surface_of


def images(count: int = 24, seed: int = 0) -> Split:
    """Noise, tinted red, green or blue."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 120, (count, 32, 32, 3), dtype=np.uint8)
    for i, image in enumerate(x):
        image[..., i % 3] += 120
    return Split(x, label_array([("red", "green", "blue")[i % 3] for i in range(count)]))


def learned(encoder: Encoder, session: Session | None = None, **options: Any) -> LoraHead:
    model = LoraHead(encoder, LoraHeadConfig(**{"epochs": 2, "batch_size": 8, **options}))
    model.learn(images(), session or Session())
    return model


def same(a: LoraHead, b: LoraHead) -> bool:
    return all(torch.equal(a.parameters[name], b.parameters[name]) for name in a.parameters)


def test_by_hand_head_of_an_untrained_adapter(tiny_encoder: Encoder) -> None:
    """B = 0, so the score is row . LN(CLS) + bias of the frozen encoder."""
    model = LoraHead(tiny_encoder)
    model.labels = ["a", "b"]
    model.parameters = {name: tensor.detach() for name, tensor in model._start(2).items()}
    x = images(5).inputs
    pixels = tiny_encoder.pixels(np.asarray(x))
    cls = tiny_encoder.norm(tiny_encoder.states(pixels, slice(3, 4))[:, 0, 0])
    expected = cls @ model.parameters["head.weight"].T + model.parameters["head.bias"]
    np.testing.assert_allclose(model.scores(x), expected.numpy(), rtol=1e-5, atol=1e-5)


def test_against_transformers_with_merged_weights(tiny_vit: Path, tiny_encoder: Encoder) -> None:
    from transformers import ViTModel

    model = learned(tiny_encoder, learning_rate=1e-2)
    reference: Any = ViTModel.from_pretrained(tiny_vit, add_pooling_layer=False).eval()
    tensors = model.parameters
    with torch.no_grad():
        for level, layer in enumerate(reference.layers):
            for projection, place in ((layer.attention.q_proj, "query"), (layer.attention.v_proj, "value")):
                up, down = tensors[f"adapter.{place}_up"][level], tensors[f"adapter.{place}_down"][level]
                projection.weight += LORA.alpha / LORA.rank * up @ down
        x = images(5, seed=3).inputs
        cls = reference(pixel_values=tiny_encoder.pixels(np.asarray(x))).last_hidden_state[:, 0]
    expected = cls @ tensors["head.weight"].T + tensors["head.bias"]
    np.testing.assert_allclose(model.scores(x), expected.numpy(), rtol=1e-4, atol=1e-5)


def test_learns_and_leaves_the_encoder_and_global_randomness_alone(tiny_encoder: Encoder) -> None:
    before, state = tiny_encoder.blocks[0].qkv_weight.clone(), torch.random.get_rng_state()
    model = learned(tiny_encoder, epochs=30, learning_rate=1e-2)
    test = images(30, seed=7)
    answers = np.array(model.labels)[model.scores(test.inputs).argmax(axis=1)]
    assert model.labels == ["blue", "green", "red"]
    assert (answers == test.labels).mean() > 0.9
    assert torch.equal(tiny_encoder.blocks[0].qkv_weight, before)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not any(t.requires_grad for t in model.parameters.values())


def test_same_seed_same_bits(tiny_encoder: Encoder) -> None:
    assert same(learned(tiny_encoder), learned(tiny_encoder))
    assert not same(learned(tiny_encoder), learned(tiny_encoder, seed=1))


def test_resumed_learning_equals_one_that_was_never_cut_off(
    tiny_encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(checkpoint=tmp_path / "learning.ckpt")

    def save_then_stop(self: Checkpoint, *args: Any) -> None:
        save(self, *args)
        raise KeyboardInterrupt

    save = Checkpoint.save
    monkeypatch.setattr(Checkpoint, "save", save_then_stop)
    with pytest.raises(KeyboardInterrupt):
        learned(tiny_encoder, session)
    monkeypatch.undo()
    assert session.checkpoint is not None
    assert session.checkpoint.is_file()
    assert same(learned(tiny_encoder, session), learned(tiny_encoder))
    assert not session.checkpoint.exists()


def test_a_changed_one_shares_no_tensor(tiny_encoder: Encoder) -> None:
    model = learned(tiny_encoder)
    trained = model.copied()
    assert all(tensor.requires_grad for tensor in trained.values())
    other = model.changed(trained, ["a", "b", "c"])
    assert other.labels == ["a", "b", "c"]
    assert not any(tensor.requires_grad for tensor in other.parameters.values())
    for tensors in (trained, other.parameters):
        assert all(tensors[name].data_ptr() != t.data_ptr() for name, t in model.parameters.items())
    other.parameters["head.bias"] += 1
    assert same(model, learned(tiny_encoder))


def test_opens_for_attacks_with_the_same_scores(tiny_encoder: Encoder) -> None:
    model, x = learned(tiny_encoder), images(5).inputs
    surface = surface_of(model)
    assert list(surface.labels) == model.labels
    found = surface.logits(surface.read(x), torch.arange(5))
    np.testing.assert_allclose(found, model.scores(x), rtol=1e-4, atol=1e-5)
    with pytest.raises(NotFittedError, match="learn"):
        LoraHead(tiny_encoder).surface()


def test_says_what_is_wrong(tiny_encoder: Encoder) -> None:
    with pytest.raises(NotFittedError, match="learn"):
        LoraHead(tiny_encoder).scores(images(2).inputs)
    with pytest.raises(UsageError, match="epochs"):
        LoraHeadConfig(epochs=0)
