from __future__ import annotations

import numpy as np

from preforget.backbones.whisper_mel import slaney_triangles, whisper_mel


def test_the_triangles_are_those_of_transformers() -> None:
    from transformers.audio_utils import mel_filter_bank

    for bins in (80, 128):
        wanted = mel_filter_bank(201, bins, 0.0, 8000.0, 16_000, norm="slaney", mel_scale="slaney")
        np.testing.assert_allclose(slaney_triangles(bins), wanted, atol=1e-12)


def test_a_tone_is_loudest_at_its_pitch_and_silence_is_flat() -> None:
    filters = slaney_triangles(80)
    tone = np.sin(2 * np.pi * 1000 * np.arange(8_000) / 16_000).astype(np.float32)
    found = whisper_mel(tone, 100, filters)
    assert found.shape == (80, 100)
    loudest = filters[:, found[:, :40].mean(axis=1).argmax()]
    assert abs(np.linspace(0, 8000, 201)[loudest.argmax()] - 1000) < 60
    assert np.ptp(found[:, 60:]) == 0  # after its end
    assert found.max() - found.min() <= 2.0 + 1e-6
