"""Log mel filterbank energies as the Audio Spectrogram Transformer was trained on, in numpy.

It computes what the numpy path of transformers' `ASTFeatureExtractor` computes (Kaldi's `fbank` without dither):
windows of 400 samples every 160, the mean subtracted, pre-emphasis 0.97, a symmetric Hann window, power over 257
frequencies, triangles in mel space from 20 Hz to half the rate, natural logarithm. torchaudio's path rounds
differently and is never used, so that a model's features don't depend on what else is installed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

IMPLEMENTATION = "numpy"
"""Names the implementation of the features, which a model folder notes, see `AudioEncoder.describe`."""

WINDOW = 400
HOP = 160
SPECTRUM = 512
EMPHASIS = 0.97
LOWEST_HZ = 20.0
FLOOR = 1.192092955078125e-07

Floats = npt.NDArray[np.float64]


def mel(hertz: npt.ArrayLike) -> Floats:
    """Return Kaldi's mel scale, `1127 ln(1 + f / 700)`.

    >>> round(float(mel(700.0)), 2)
    781.18
    """
    scaled: Floats = 1127.0 * np.log1p(np.asarray(hertz, dtype=np.float64) / 700.0)
    return scaled


def triangles(bins: int, rate: int) -> Floats:
    """Return the filters `[257, bins]`: triangles evenly spread over the mel scale, up to their neighbours."""
    edges = np.linspace(mel(LOWEST_HZ), mel(rate // 2), bins + 2)
    mels = mel(np.arange(SPECTRUM // 2 + 1) * (rate / SPECTRUM))[:, None]
    rising = (mels - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - mels) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling))


def log_mel(wave: npt.NDArray[np.float32], filters: Floats) -> npt.NDArray[np.float32]:
    """Return log energies `float32 [frames, bins]` of a mono wave of at least `WINDOW` samples."""
    frames = np.lib.stride_tricks.sliding_window_view(wave.astype(np.float64), WINDOW)[::HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    spectrum = np.fft.rfft((frames - EMPHASIS * before) * np.hanning(WINDOW), SPECTRUM, axis=1)
    energies = np.square(np.abs(spectrum)) @ filters
    return np.log(np.maximum(energies, FLOOR)).astype(np.float32)


def samples_for(frames: int) -> int:
    """Return how many samples a number of frames takes.

    >>> samples_for(2)
    560
    """
    return WINDOW + (frames - 1) * HOP
