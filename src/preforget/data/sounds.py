"""Decode sound files, mix them to mono and resample them to a backbone's rate."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError, UsageError
from preforget.core.paths import is_file
from preforget.data.dataset import LARGEST_SAMPLE, Images, Sounds
from preforget.data.embedded import EmbeddedFile
from preforget.data.texts import Texts
from preforget.data.vectors import Vectors

EXTENSIONS = frozenset((".aif", ".aiff", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".wav"))
LEAST_SECONDS = 0.025
"""Shorter files don't hold a single window of a spectrogram."""

SILENCE = 2.0**-15
"""Sounds whose samples span less than this, one step of 16 bits, count as silent."""

UNSAID = 1 << 50
"""A file that says it holds so many samples doesn't know how many."""

BLOCK = 1 << 18
"""Samples that are read at once."""

NOT_READ = frozenset((".aac", ".amr", ".m4a", ".m4b", ".mp4", ".wma"))
"""Endings of sounds that libsndfile doesn't decode."""

DAMAGE = (OSError, ValueError, TypeError, RuntimeError, OverflowError, AssertionError)
"""The errors that soundfile raises on damaged files, beside its own."""

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
    wave, own_rate = _decode(path if isinstance(path, Path) else Path(path), seconds)
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
    if isinstance(inputs, Texts):
        raise DataError("the backbone reads sounds, and these are texts; give --backbone a text encoder")
    if isinstance(inputs, Sounds):
        return [_from_memory(inputs, int(position), rate, seconds) for position in indices]
    return [read_sound(inputs[int(position)], rate, seconds) for position in indices]


def recorded_rate(path: Path) -> int:
    """Return the rate in Hz at which a file was recorded; raises `DataError` as `read_sound` does."""
    with _opened(path) as (rate, _, _):
        return rate


def decoded_samples(path: Path, most: int) -> int:
    """Return how many samples a file says it has, of all channels; else those of one channel, counted up to `most`.

    What a file says is no less than what is read of it: libsndfile reads no more. Raises `DataError` as `read_sound`
    does.
    """
    with _opened(path) as (_, blocks, said):
        if 0 < said < UNSAID:
            return said
        count = 0
        for wave in blocks:
            count += len(wave)
            if count > most:
                break
        return count


def fixed_length(wave: Wave, samples: int) -> Wave:
    """Return a wave of `samples`, cut at its end or padded with zeros."""
    out = np.zeros(samples, dtype=np.float32)
    out[: min(len(wave), samples)] = wave[:samples]
    return out


def check_sound(path: Path) -> bytes:
    """Decode a whole file in blocks and return a digest of its samples; raises `DataError` if it can't be used."""
    total = hashlib.blake2b(digest_size=16)
    count, low, high = 0, float("inf"), float("-inf")
    with _opened(path) as (rate, blocks, _):
        total.update(rate.to_bytes(8, "little"))
        for wave in blocks:
            total.update(wave.tobytes())
            count, low, high = count + len(wave), min(low, float(wave.min())), max(high, float(wave.max()))
        _check_length(path, count, rate)
        if high - low < SILENCE:
            raise DataError(f"{path}: silent")
    return total.digest()


def _from_memory(sounds: Sounds, position: int, rate: int, seconds: float) -> Wave:
    import soxr

    wave = sounds.waves[position][: round((seconds + MARGIN) * sounds.rate)]
    if sounds.rate != rate:
        wave = soxr.resample(wave, sounds.rate, rate, quality="HQ")
    if len(wave) < LEAST_SECONDS * rate:
        raise DataError(f"sound {position} has {len(wave)} samples at {rate} Hz, less than {LEAST_SECONDS} s")
    return np.ascontiguousarray(wave[: round(seconds * rate)], dtype=np.float32)


def _decode(path: Path, seconds: float | None) -> tuple[Wave, int]:
    """Return a mono wave and its rate, of `seconds` and a margin if given.

    Of a sound that is silent for so long, they are counted from its first sample that can be heard.
    """
    with _opened(path) as (rate, blocks, _):
        limit = None if seconds is None else int((seconds + MARGIN) * rate) + 1
        wave = _heard(blocks, limit, math.ceil(LEAST_SECONDS * rate))
        _check_length(path, len(wave), rate)
        if not np.ptp(wave) >= SILENCE:
            raise DataError(f"{path}: silent")
    return wave, rate


def _heard(blocks: Iterator[Wave], limit: int | None, lead: int) -> Wave:
    """Return the first `limit` samples; if they are silent, those from `lead` before the first that can be heard."""
    kept: Wave = np.empty(0, dtype=np.float32)
    if limit is None:
        return np.concatenate([kept, *blocks])
    for wave in blocks:
        kept = np.concatenate([kept, wave])
        if len(kept) < limit:
            continue
        if np.ptp(kept[:limit]) >= SILENCE:
            break
        sounding = np.abs(kept - kept[0]) >= SILENCE
        start = int(np.argmax(sounding)) if sounding.any() else len(kept)
        kept = kept[max(0, start - lead) :]
    return kept[:limit]


@contextmanager
def _opened(path: Path) -> Iterator[tuple[int, Iterator[Wave], int]]:
    """Open a file as its rate, its blocks of mono samples, and how many samples it says that it holds.

    All errors inside become `DataError`s that name the file.
    """
    import soundfile

    class Stream(soundfile.SoundFile):  # type: ignore[misc]
        """A file that is read from its beginning to its end: seeking fails in streams without a length."""

        def seekable(self) -> bool:
            return False

    if path.suffix.lower() in NOT_READ:
        raise DataError(
            f"{path}: {path.suffix} isn't decoded; convert it, such as with ffmpeg -i IN OUT.flac"
        )
    held = path.content if isinstance(path, EmbeddedFile) else None
    if held is None and not is_file(path):
        raise DataError(f"{path}: no such file")
    if (path.stat().st_size if held is None else len(held)) == 0:
        raise DataError(f"{path}: empty file")
    try:
        with Stream(path if held is None else io.BytesIO(held)) as file:
            yield int(file.samplerate), _blocks(file, path), int(file.frames) * int(file.channels)
    except DataError:
        raise
    except MemoryError as error:
        raise DataError(f"{path}: decoding it takes more memory than there is; cut the sound") from error
    except (*DAMAGE, soundfile.SoundFileError) as error:
        reason = str(error).replace(str(path), "it").strip()
        raise DataError(f"{path}: can't be decoded as sound ({reason})") from error


def _blocks(file: Any, path: Path) -> Iterator[Wave]:
    """Yield mono samples in blocks, since streams and telephone codings don't know their length beforehand."""
    size = max(1, BLOCK // max(1, int(file.channels)))
    while len(samples := file.read(size, dtype="float32", always_2d=True)):
        check_range(samples, str(path))
        yield samples.mean(axis=1, dtype=np.float32)


def check_range(samples: npt.NDArray[np.float32], name: str) -> None:
    """Raise `DataError` for samples that aren't finite, or so large that they are on the scale of whole numbers."""
    if not np.isfinite(samples).all():
        raise DataError(f"{name}: holds samples that are NaN or infinite")
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > LARGEST_SAMPLE:
        raise DataError(
            f"{name}: samples reach {peak:g}, far out of the range -1 to 1; divide whole numbers of 16 bits by 32768 "
            "before they become floats"
        )


def _check_length(path: Path, samples: int, rate: int) -> None:
    if samples == 0:
        raise DataError(f"{path}: holds no samples")
    if samples < LEAST_SECONDS * rate:
        raise DataError(f"{path}: too short, {1000 * samples / rate:.1f} ms of at least 25 ms")
