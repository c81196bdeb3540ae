from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import transformers.models.audio_spectrogram_transformer.feature_extraction_audio_spectrogram_transformer as reference
from safetensors.torch import load_file, save_file

from preforget.backbones import load_backbone
from preforget.backbones.checked import checked
from preforget.backbones.filterbank import samples_for
from preforget.backbones.spectrogram import AudioEncoder
from preforget.core.errors import BackboneError, UsageError
from preforget.data import Sounds

MakeAst = Callable[..., tuple[Path, Any]]


@pytest.fixture
def make_ast(tmp_path: Path) -> MakeAst:
    """Return what saves a random `ASTModel` and returns its folder and transformers' model."""

    def make(settings: dict[str, Any] | None = None, **config: Any) -> tuple[Path, Any]:
        from transformers import ASTConfig, ASTModel

        sizes = {
            "hidden_size": 24,
            "num_hidden_layers": 3,
            "num_attention_heads": 3,
            "intermediate_size": 40,
            "patch_size": 8,
            "frequency_stride": 8,
            "time_stride": 8,
            "max_length": 40,
            "num_mel_bins": 32,
        }
        model = ASTModel(ASTConfig(**{**sizes, **config})).eval()
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
        folder = tmp_path / "ast"
        model.save_pretrained(folder)
        values = {
            "sampling_rate": 16_000,
            "num_mel_bins": model.config.num_mel_bins,
            "mean": -5.0,
            "std": 3.5,
            "max_length": model.config.max_length,
            "do_normalize": True,
            **(settings or {}),
        }
        (folder / "preprocessor_config.json").write_text(json.dumps(values), encoding="utf-8")
        return folder, model

    return make


def load(folder: Path, **options: Any) -> AudioEncoder:
    encoder = load_backbone(str(folder), **{"device": "cpu", "dtype": "float32", **options})
    assert isinstance(encoder, AudioEncoder)
    return encoder


def noise(count: int, frames: int, rate: int = 16_000) -> Sounds:
    rng = np.random.default_rng(0)
    return Sounds(rng.uniform(-0.5, 0.5, (count, samples_for(frames))).astype(np.float32), rate)


def far(a: torch.Tensor, b: torch.Tensor) -> float:
    assert a.shape == b.shape
    return float((a - b).abs().max() / b.abs().max())


def compare(encoder: AudioEncoder, model: Any, spectrograms: torch.Tensor) -> None:
    with torch.no_grad():
        wanted = model(spectrograms, output_hidden_states=True)
    states = encoder.states(spectrograms, slice(0, None))
    assert states.shape[1] == len(wanted.hidden_states)
    for number, hidden in enumerate(wanted.hidden_states[:-1]):
        assert far(states[:, number], hidden) < 1e-5, f"the state that enters block {number}"
    assert far(encoder.norm(states[:, -1]), wanted.last_hidden_state) < 1e-5


def test_fewer_frames_than_the_library_reads_are_no_difference(make_ast: MakeAst) -> None:
    folder, _ = make_ast()
    encoder = checked(load_backbone(str(folder), image_size=24, device="cpu", dtype="float32"))
    assert torch.tensor(encoder.identity.checked) < 1e-5
    assert encoder.preprocessing.image_size == 24


@pytest.mark.parametrize(
    ("down", "along", "frames"), [(8, 8, 40), (4, 6, 40), (10, 3, 45), (8, 8, 8)], ids=str
)
def test_states_equal_those_of_transformers(make_ast: MakeAst, down: int, along: int, frames: int) -> None:
    folder, model = make_ast(frequency_stride=down, time_stride=along, max_length=frames)
    encoder = load(folder)
    assert len(encoder.embedding.prefix) == 2
    compare(encoder, model, encoder.read(noise(3, 50), range(3)))


def test_spectrograms_equal_those_of_the_extractor(
    make_ast: MakeAst, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, _ = make_ast()
    monkeypatch.setattr(reference, "is_speech_available", lambda: False)
    own = reference.ASTFeatureExtractor.from_pretrained(folder)
    encoder = load(folder)
    waves = noise(1, 60).waves
    for length in (12, 40, 60):  # filled up, just right, cut
        wave = waves[0, : samples_for(length)]
        soundfile.write(tmp_path / "a.wav", wave, 16_000, subtype="FLOAT")
        wanted = torch.tensor(np.array(own(wave, sampling_rate=16_000)["input_values"]))
        assert (encoder.read([tmp_path / "a.wav"], [0]) - wanted).abs().max() < 1e-5


def test_a_sound_has_the_same_bits_in_any_batch(make_ast: MakeAst) -> None:
    folder, _ = make_ast()
    encoder, sounds = load(folder), noise(5, 40)
    together = encoder.read(sounds, range(5))
    assert torch.equal(together[3], encoder.read(sounds, [3])[0])


@pytest.mark.parametrize("frames", [24, 40, 72])
def test_other_frames_cut_or_interpolate_positions(make_ast: MakeAst, frames: int) -> None:
    folder, model = make_ast()
    encoder = load(folder, image_size=frames)
    assert encoder.tokens == 2 + 4 * (frames // 8)
    table = model.embeddings.position_embeddings[0]
    assert torch.equal(encoder.embedding.positions[:2], table[:2])
    old, new = table[2:].view(4, 5, -1), encoder.embedding.positions[2:].view(4, frames // 8, -1)
    if frames == 24:
        assert torch.equal(new, old[:, 1:4])
    if frames == 40:
        assert torch.equal(new, old)
    if frames == 72:
        assert torch.allclose(new[:, 4], old[:, 2])  # the middle stays the middle
    assert encoder.states(encoder.read(noise(2, frames), range(2)), slice(0, 1)).isfinite().all()


def test_what_it_is_and_who_made_its_features(make_ast: MakeAst) -> None:
    folder, _ = make_ast()
    found = load(folder).describe()
    assert found["architecture"] == "audio-spectrogram-transformer/numpy"
    assert (found["image_size"], found["mean"], found["std"]) == (40, [-5.0], [3.5])
    assert load(folder, image_size=24).identity == load(folder).identity
    values = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**values, "do_normalize": False}))
    assert load(folder).describe()["digest"] != found["digest"]  # it hears otherwise: another backbone


def test_noise_is_seeded(make_ast: MakeAst) -> None:
    folder, _ = make_ast()
    assert torch.equal(load(folder).noise(2), load(folder).noise(2))


@pytest.mark.parametrize("frames", [7, 0, True, 40.0])
def test_frames_that_are_none(make_ast: MakeAst, frames: Any) -> None:
    folder, _ = make_ast()
    with pytest.raises(UsageError, match="frames were asked for; give a whole number of at least 8"):
        load(folder, image_size=frames)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mean": None}, "lacks mean"),
        ({"std": 0}, "std above zero"),
        ({"mean": float("nan")}, "mean must be finite"),
        ({"num_mel_bins": 64}, "64 mel bins in its preprocessor, 32"),
        ({"sampling_rate": "fast"}, "sampling rate of 'fast'"),
    ],
)
def test_settings_that_cannot_be_used(make_ast: MakeAst, settings: dict[str, Any], message: str) -> None:
    folder, _ = make_ast(settings)
    with pytest.raises(BackboneError, match=message):
        load(folder)


def test_a_missing_tensor(make_ast: MakeAst) -> None:
    folder, _ = make_ast()
    weights = load_file(folder / "model.safetensors")
    del weights["embeddings.distillation_token"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BackboneError, match=r"lacks tensors .*distillation_token"):
        load(folder)


def test_a_config_of_another_activation(make_ast: MakeAst) -> None:
    folder, _ = make_ast()
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "hidden_act": "relu"}))
    with pytest.raises(BackboneError, match="activation 'relu'"):
        load(folder)


@pytest.mark.real_data
def test_the_tiny_ast_made_from_vit() -> None:
    root = os.environ.get("PREFORGET_SHARED")
    if not root:
        pytest.skip("PREFORGET_SHARED is not set: no real checkpoint here")
    from transformers import ASTModel

    folder = Path(root) / "backbones" / "ast-tiny-from-vit"
    encoder = load(folder)
    model = ASTModel.from_pretrained(folder, dtype=torch.float32).eval()
    clips = sorted((Path(root) / "data" / "UrbanSound8K" / "audio" / "fold1").iterdir())[:2]
    compare(encoder, model, encoder.read(clips, range(2)))
