"""Decode sound files, mix them to mono and resample them to a backbone's rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError, UsageError
from preforget.data.dataset import Images, Sounds
from preforget.data.vectors import Vectors

EXTENSIONS = frozenset((".aif", ".aiff", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".wav"))
LEAST_SECONDS = 0.025
"""Shorter files don't hold a single window of a spectrogram."""

SILENCE = 2.0**-15
"""Sounds whose samples span less than this, one step of 16 bits, count as silent."""

MARGIN = 0.05
"""Seconds that are read beyond the wanted ones: the filter of the resampler looks ahead."""

Wave = npt.NDArray[np.float32]


def read_sound(path: str | Path, rate: int, seconds: float | None = None) -> Wave:
    """Decode one file to mono, `float32 [samples]` at `rate` Hz, cut to its first `seconds` if given.

    Channels are averaged; another rate is converted by soxr's band-limited filter (high quality). Raises `DataError`
    that names the file if it is missing, damaged, empty, shorter than `LEAST_SECONDS`, not finite or silent.
    """
    import soxr

    if rate < 1:
        raise UsageError(f"sampling rate {rate} must be at least 1 Hz")
    wave, own_rate = _decode(Path(path), seconds)
    if own_rate != rate:
        wave = soxr.resample(wave, own_rate, rate, quality="HQ")
    wave = wave if seconds is None else wave[: round(seconds * rate)]
    return np.ascontiguousarray(wave, dtype=np.float32)


def read_sounds(
    inputs: Images, indices: Sequence[int] | npt.NDArray[np.integer], rate: int, seconds: float
) -> list[Wave]:
    """Return the chosen sounds as mono waves `float32 [samples]` at `rate` Hz, cut to `seconds`, of any length.

    Raises `DataError` as `read_sound` does, or if the inputs are images.
    """
    if isinstance(inputs, np.ndarray):
        raise DataError(
            "the backbone reads sounds, and these are images; give --backbone a checkpoint for images"
        )
    if isinstance(inputs, Vectors):
        raise DataError("the backbone reads sounds, and these are vectors; use backbone 'features'")
    if isinstance(inputs, Sounds):
        return [_from_memory(inputs, int(position), rate, seconds) for position in indices]
    return [read_sound(inputs[int(position)], rate, seconds) for position in indices]


def fixed_length(wave: Wave, samples: int) -> Wave:
    """Return a wave of `samples`, cut at its end or padded with zeros."""
    out = np.zeros(samples, dtype=np.float32)
    out[: min(len(wave), samples)] = wave[:samples]
    return out


def unusable(paths: Iterable[Path]) -> list[tuple[Path, str]]:
    """Decode whole files and return those that can't be used, each with the reason."""
    broken = []
    for path in paths:
        try:
            _decode(path, None)
        except DataError as error:
            broken.append((path, str(error).removeprefix(f"{path}: ")))
    return broken


def refuse_unusable(broken: Sequence[tuple[Path, str]], skip_broken: bool) -> None:
    """Raise `DataError` that names the unusable files, unless they are to be skipped."""
    if broken and not skip_broken:
        listed = "\n".join(f"  {path}: {why}" for path, why in broken[:10])
        more = f"\n  and {len(broken) - 10} more" if len(broken) > 10 else ""
        raise DataError(
            f"{len(broken)} sound files can't be used:\n{listed}{more}\nrepair or remove them, or leave them out "
            "with --skip-broken (skip_broken=True)"
        )


def _from_memory(sounds: Sounds, position: int, rate: int, seconds: float) -> Wave:
    import soxr

    wave = sounds.waves[position][: round((seconds + MARGIN) * sounds.rate)]
    if sounds.rate != rate:
        wave = soxr.resample(wave, sounds.rate, rate, quality="HQ")
    if len(wave) < LEAST_SECONDS * rate:
        raise DataError(f"sound {position} has {len(wave)} samples at {rate} Hz, less than {LEAST_SECONDS} s")
    return np.ascontiguousarray(wave[: round(seconds * rate)], dtype=np.float32)


def _decode(path: Path, seconds: float | None) -> tuple[Wave, int]:
    """Return a mono wave and its rate, of `seconds` and a margin if given."""
    import soundfile

    if not path.is_file():
        raise DataError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: empty file")
    try:
        with soundfile.SoundFile(path) as file:
            own_rate = int(file.samplerate)
            limit = -1 if seconds is None else int((seconds + MARGIN) * own_rate) + 1
            samples = file.read(limit, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        reason = str(error).replace(str(path), "it").strip()
        raise DataError(f"{path}: can't be decoded as sound ({reason})") from error
    if len(samples) == 0:
        raise DataError(f"{path}: holds no samples")
    if len(samples) < LEAST_SECONDS * own_rate:
        raise DataError(f"{path}: too short, {1000 * len(samples) / own_rate:.1f} ms of at least 25 ms")
    if not np.isfinite(samples).all():
        raise DataError(f"{path}: holds samples that are NaN or infinite")
    wave = samples.mean(axis=1, dtype=np.float32)
    whole = limit < 0 or len(samples) < limit
    if whole and float(np.ptp(wave)) < SILENCE:
        raise DataError(f"{path}: silent")
    return wave, own_rate
