from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from preforget.backbones import Encoder, load_backbone
from preforget.data import Sounds

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
