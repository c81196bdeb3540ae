"""Log mel energies as Whisper was trained on, in numpy: what the numpy path of its feature extractor computes.

Windows of 400 samples every 160 around each frame's middle, mirrored at both ends, a periodic Hann window, power over
201 frequencies, Slaney's triangles up to 8 kHz, the logarithm to base 10, at most 8 below the loudest (arXiv
2212.04356, 2.2).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

WINDOW = 400
HOP = 160
RATE = 16_000
FLOOR = 1e-10
HIGHEST_HZ = 8_000.0

Floats = npt.NDArray[np.float64]


def slaney_triangles(bins: int) -> Floats:
    """Return the filters `[201, bins]`, each of the same area (Slaney, Auditory Toolbox, 1998)."""
    edges = _hertz(np.linspace(0.0, _mel(HIGHEST_HZ), bins + 2))
    frequencies = np.linspace(0.0, RATE / 2, WINDOW // 2 + 1)[:, None]
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    filters: Floats = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (edges[2:] - edges[:-2]))
    return filters


def _mel(hertz: float) -> float:
    return float(15.0 + np.log(hertz / 1000.0) * 27.0 / np.log(6.4))  # above 1 kHz


def _hertz(mels: Floats) -> Floats:
    found: Floats = np.where(
        mels < 15.0, mels * 200.0 / 3.0, 1000.0 * np.exp((mels - 15.0) * np.log(6.4) / 27.0)
    )
    return found


def whisper_mel(wave: npt.NDArray[np.float32], frames: int, filters: Floats) -> npt.NDArray[np.float32]:
    """Return `float32 [bins, frames]` of a mono wave at 16 kHz, cut at its end or filled up with zeros there."""
    filled = np.zeros(frames * HOP)
    filled[: min(len(wave), len(filled))] = wave[: len(filled)]
    padded = np.pad(filled, WINDOW // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:frames]
    hann = np.hanning(WINDOW + 1)[:-1]
    power = np.square(np.abs(np.fft.rfft(windows * hann, axis=1)))
    logs = np.log10(np.maximum(power @ filters, FLOOR))
    logs = np.maximum(logs, logs.max() - 8.0)
    found: npt.NDArray[np.float32] = ((logs + 4.0) / 4.0).T.astype(np.float32)
    return found
