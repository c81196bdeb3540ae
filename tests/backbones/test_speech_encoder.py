from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from preforget.backbones import Encoder, load_backbone
from preforget.backbones.checked import checked
from preforget.data import Sounds, Split
from preforget.data.dataset import label_array
from preforget.data.hold_out import hold_out
from preforget.engines import ENGINES
from preforget.engines.base import Session

from .tiny_families import write_tiny


@pytest.fixture(scope="module", params=["whisper", "wav2vec2"])
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    folder, _ = write_tiny(tmp_path_factory.mktemp("speech"), request.param)
    return load_backbone(str(folder), device="cpu", dtype="float32", image_size=40)


def test_a_recording_is_read_by_itself(encoder: Encoder) -> None:
    waves = np.random.default_rng(0).normal(0, 0.1, (3, 3_000)).astype(np.float32)
    whole = encoder.read(Sounds(waves, 16_000), [0, 1, 2])
    assert np.array_equal(whole[1:2].numpy(), encoder.read(Sounds(waves[1:2], 16_000), [0]).numpy())
    assert encoder.seconds == 0.4


def test_the_features_are_those_of_the_library(encoder: Encoder) -> None:
    from transformers import Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

    wave = np.random.default_rng(0).normal(0, 0.1, 6_400).astype(np.float32)
    got = encoder.heard([wave])[0].numpy()
    if encoder.identity.architecture == "whisper":
        theirs = WhisperFeatureExtractor(feature_size=8, chunk_length=30)
        wanted = theirs._np_extract_fbank_features(wave[None], "cpu")[0]
        assert np.abs(got - wanted).max() < 1e-4
    else:
        wanted = Wav2Vec2FeatureExtractor(do_normalize=True)(wave, sampling_rate=16_000).input_values[0]
        assert np.abs(got - wanted).max() < 1e-5


def test_telephone_quality_is_said(encoder: Encoder, tmp_path: Path) -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, 8_000).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", wave, 8_000)
    said = "recorded at 8,000 Hz, and the encoder was made for 16,000"
    assert said in str(encoder.remark([tmp_path / "a.wav"]))
    assert said in str(encoder.remark(Sounds(wave[None], 8_000)))
    assert encoder.remark(Sounds(wave[None], 16_000)) is None
    assert encoder.read([tmp_path / "a.wav"], [0]).shape[0] == 1


@pytest.fixture(scope="module")
def two_windows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Encoder, Encoder]:
    """Whisper, made for 60 frames, that reads 40 of them, and 80 in two windows of 40."""
    folder, _ = write_tiny(tmp_path_factory.mktemp("windows"), "whisper")
    one, two = (
        load_backbone(str(folder), device="cpu", dtype="float32", image_size=size) for size in (40, 80)
    )
    return one, two


def test_windows_are_read_by_themselves_and_averaged(two_windows: tuple[Encoder, Encoder]) -> None:
    one, two = two_windows
    wave = np.random.default_rng(0).normal(0, 0.1, (1, 12_800)).astype(np.float32)
    pieces = one.read(Sounds(wave.reshape(2, 6_400), 16_000), [0, 1])
    single, both = (
        e.states(x, slice(0, 3)) for e, x in ((one, pieces), (two, two.read(Sounds(wave, 16_000), [0])))
    )
    side_by_side = torch.cat([single[:1], single[1:]], dim=2)
    assert (both - side_by_side).abs().max() < 1e-5 * side_by_side.abs().max()
    assert torch.allclose(two.summary(both)[0], one.summary(single).mean(dim=0), rtol=1e-4, atol=1e-5)
    found = checked(two).identity.checked
    assert found is not None
    assert found < 2e-6


def test_a_window_that_a_recording_does_not_reach_has_no_part(two_windows: tuple[Encoder, Encoder]) -> None:
    one, two = two_windows
    wave = np.random.default_rng(0).normal(0, 0.1, (1, 5_000)).astype(np.float32)
    single, both = (e.states(e.read(Sounds(wave, 16_000), [0]), slice(0, 3)) for e in (one, two))
    assert not both[:, :, 20:].any()
    assert (both[:, :, :20] - single).abs().max() < 1e-5 * single.abs().max()
    assert torch.allclose(two.summary(both), one.summary(single), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["exact", "isolated"])
def test_engines_learn_and_forget_on_windows(two_windows: tuple[Encoder, Encoder], name: str) -> None:
    """Scores of the others keep their bits; a recording that ends early is scored as beside longer ones."""
    rng = np.random.default_rng(0)
    waves = rng.normal(0, 0.1, (36, 12_800)).astype(np.float32)
    waves[::2, 6_000:] = 0
    train = Split(Sounds(waves, 16_000), label_array([f"c{number % 3}" for number in range(36)]))
    kind = ENGINES[name]
    options = {"epochs": 1} if name == "isolated" else {"levels": 2}
    engine = kind(two_windows[1], kind.options_type(**options))
    engine.learn(*hold_out(train, None, seed=0), Session())
    before = engine.scores(train.inputs, ["c0", "c2"])
    engine.forget("c1")
    assert np.array_equal(engine.scores(train.inputs), before)
