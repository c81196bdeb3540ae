from __future__ import annotations

import numpy as np
import pytest
import transformers.models.audio_spectrogram_transformer.feature_extraction_audio_spectrogram_transformer as reference

from preforget.backbones.filterbank import FLOOR, log_mel, samples_for, triangles


@pytest.fixture
def extractor(monkeypatch: pytest.MonkeyPatch):
    """Return what makes transformers' own extractor on its numpy path, whatever else is installed."""
    monkeypatch.setattr(reference, "is_speech_available", lambda: False)

    def make(**options: object) -> reference.ASTFeatureExtractor:
        return reference.ASTFeatureExtractor(**options)

    return make


# transformers warns that the lowest of 128 triangles fall between two frequencies; AST was trained so
@pytest.mark.filterwarnings("ignore:At least one mel filter")
@pytest.mark.parametrize(("bins", "rate"), [(128, 16_000), (64, 16_000), (32, 8000), (128, 22_050)])
def test_filters_and_energies_equal_those_of_transformers(extractor, bins: int, rate: int) -> None:
    own = extractor(num_mel_bins=bins, sampling_rate=rate, max_length=60, do_normalize=False)
    filters = triangles(bins, rate)
    assert np.abs(filters - own.mel_filters).max() < 1e-9
    rng = np.random.default_rng(0)
    wave = (0.3 * np.sin(np.arange(samples_for(60)) / 20) + 0.01 * rng.normal(size=samples_for(60))).astype(
        np.float32
    )
    found = log_mel(wave, filters)
    wanted = own(wave, sampling_rate=rate)["input_values"][0]
    assert found.shape == wanted.shape == (60, bins)
    assert np.abs(found - wanted).max() < 1e-4


def test_silence_is_the_floor() -> None:
    found = log_mel(np.zeros(samples_for(3), np.float32), triangles(16, 16_000))
    assert np.allclose(found, np.log(FLOOR))


def test_a_constant_is_silence_too() -> None:
    found = log_mel(np.full(samples_for(2), 0.5, np.float32), triangles(16, 16_000))
    assert np.allclose(found, np.log(FLOOR))


@pytest.mark.parametrize("hertz", [300.0, 1000.0, 4000.0])
def test_a_tone_lies_in_the_bin_of_its_pitch(hertz: float) -> None:
    filters = triangles(64, 16_000)
    wave = np.sin(2 * np.pi * hertz * np.arange(samples_for(2)) / 16_000).astype(np.float32)
    loudest = log_mel(wave, filters).mean(axis=0).argmax()
    assert abs(filters[:, loudest].argmax() * 16_000 / 512 - hertz) < 60


def test_samples_and_frames() -> None:
    filters = triangles(8, 16_000)
    for frames in (1, 2, 7):
        assert len(log_mel(np.ones(samples_for(frames), np.float32), filters)) == frames
        assert len(log_mel(np.ones(samples_for(frames) + 159, np.float32), filters)) == frames
