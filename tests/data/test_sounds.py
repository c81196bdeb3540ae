from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from preforget.core.errors import DataError, UsageError
from preforget.data import Sounds, Split, as_inputs
from preforget.data.dataset import label_array
from preforget.data.digest import split_digest
from preforget.data.images import read_batch
from preforget.data.sounds import check_sound, fixed_length, read_sound, read_sounds


def tone(hertz: float, rate: int, seconds: float = 0.5) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def strength(wave: np.ndarray, rate: int, hertz: float) -> float:
    """The amplitude of one frequency, away from the ends."""
    middle = wave[len(wave) // 5 : -len(wave) // 5]
    turns = np.exp(-2j * np.pi * hertz * np.arange(len(middle)) / rate)
    return float(2 * abs((middle * turns).mean()))


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_each_format_gives_the_same_tone(tmp_path: Path, ending: str, rate: int) -> None:
    path = tmp_path / f"tone.{ending}"
    soundfile.write(path, np.stack([tone(440, rate), 0.5 * tone(440, rate)], axis=1), rate)
    wave = read_sound(path, 16_000)
    assert wave.dtype == np.float32
    assert len(wave) == pytest.approx(8000, abs=1300 if ending == "mp3" else 2)
    assert strength(wave, 16_000, 440) == pytest.approx(0.375, rel=0.02)  # the mean of 0.5 and 0.25


def test_what_lies_above_the_new_band_is_filtered_out(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "high.wav", tone(440, 48_000) + tone(13_000, 48_000), 48_000)
    wave = read_sound(tmp_path / "high.wav", 16_000)
    assert strength(wave, 16_000, 3_000) < 1e-3  # where 13 kHz would fold to
    assert strength(wave, 16_000, 440) == pytest.approx(0.5, rel=0.01)


def test_a_wave_at_its_own_rate_is_read_as_it_is(tmp_path: Path) -> None:
    wave = tone(440, 16_000)
    soundfile.write(tmp_path / "a.wav", wave, 16_000, subtype="FLOAT")
    assert read_sound(tmp_path / "a.wav", 16_000).tobytes() == wave.tobytes()
    assert read_sound(tmp_path / "a.wav", 16_000, seconds=0.1).tobytes() == wave[:1600].tobytes()


def test_the_beginning_doesnt_hear_where_the_file_is_cut(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(440, 44_100, 2.0), 44_100, subtype="FLOAT")
    whole, cut = read_sound(tmp_path / "a.wav", 16_000), read_sound(tmp_path / "a.wav", 16_000, seconds=1.0)
    assert len(cut) == 16_000
    assert np.abs(whole[:16_000] - cut).max() < 1e-5


def test_fixed_length_cuts_and_fills() -> None:
    wave = np.arange(1, 4, dtype=np.float32)
    assert fixed_length(wave, 2).tolist() == [1, 2]
    assert fixed_length(wave, 5).tolist() == [1, 2, 3, 0, 0]


def broken_files(folder: Path) -> dict[str, Path]:
    files = {
        name: folder / f"{name}.wav"
        for name in ("gone", "empty", "rubbish", "none", "short", "silent", "nan")
    }
    files["empty"].write_bytes(b"")
    files["rubbish"].write_bytes(b"RIFF but no sound at all")
    soundfile.write(files["none"], np.zeros(0, np.float32), 16_000)
    soundfile.write(files["short"], tone(440, 16_000, 0.01), 16_000)
    soundfile.write(files["silent"], np.full(8000, 0.25, np.float32), 16_000)
    soundfile.write(files["nan"], np.array([0.1, np.nan] * 4000, np.float32), 16_000, subtype="FLOAT")
    return files


REASONS = {
    "gone": "no such file",
    "empty": "empty file",
    "rubbish": "can't be decoded as sound",
    "none": "holds no samples",
    "short": r"too short, 10.0 ms of at least 25 ms",
    "silent": "silent",
    "nan": "NaN or infinite",
}


@pytest.mark.parametrize("name", REASONS)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, name: str) -> None:
    path = broken_files(tmp_path)[name]
    with pytest.raises(DataError, match=f"{path}: .*{REASONS[name]}"):
        read_sound(path, 16_000)
    with pytest.raises(DataError, match=f"{path}: .*{REASONS[name]}"):
        check_sound(path)


def test_a_beginning_that_is_silent_is_skipped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "late.wav", np.r_[np.zeros(16_000), tone(440, 16_000)], 16_000)
    wave = read_sound(tmp_path / "late.wav", 16_000, seconds=0.5)
    assert strength(wave[1000:], 16_000, 440) == pytest.approx(0.5, rel=0.05)
    assert not wave[:300].any()
    soundfile.write(tmp_path / "click.wav", np.r_[np.zeros(40_000), tone(440, 16_000)[:100]], 16_000)
    assert np.abs(read_sound(tmp_path / "click.wav", 16_000, seconds=0.5)).max() > 0.1


def test_a_stream_without_its_length_is_read(tmp_path: Path) -> None:
    path = tmp_path / "stream.flac"
    soundfile.write(path, tone(440, 16_000), 16_000)
    whole = read_sound(path, 16_000)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the total of samples, and the digest of all
    content[22:42] = bytes(20)
    path.write_bytes(content)
    assert read_sound(path, 16_000).tobytes() == whole.tobytes()
    assert len(check_sound(path)) == 16


@pytest.mark.parametrize(("subtype", "ending"), [("GSM610", "wav"), ("IMA_ADPCM", "wav"), ("OPUS", "opus")])
def test_codings_of_telephones_and_opus(tmp_path: Path, subtype: str, ending: str) -> None:
    path, kind = tmp_path / f"call.{ending}", "OGG" if ending == "opus" else None
    soundfile.write(path, tone(440, 8000), 8000, subtype=subtype, format=kind)
    assert strength(read_sound(path, 8000), 8000, 440) == pytest.approx(0.5, rel=0.2)
    assert len(check_sound(path)) == 16


@pytest.mark.parametrize("peak", [32_000, 20, -9999])
def test_floats_on_the_scale_of_whole_numbers_are_refused(tmp_path: Path, peak: float) -> None:
    path = tmp_path / "loud.wav"
    soundfile.write(path, (tone(440, 16_000) * 2 * peak).astype(np.float32), 16_000, subtype="FLOAT")
    with pytest.raises(DataError, match=r"loud.wav: samples reach .* out of the range -1 to 1; divide"):
        read_sound(path, 16_000, seconds=0.5)
    with pytest.raises(DataError, match="out of the range"):
        Sounds((tone(440, 8000) * 2 * peak).astype(np.float32)[None], 8000)


@pytest.mark.parametrize("ending", ["m4a", "AAC", "wma"])
def test_kinds_that_are_not_decoded_say_the_remedy(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"anything")
    with pytest.raises(DataError, match="isn't decoded; convert it, such as with ffmpeg"):
        read_sound(path, 16_000)


def test_waves_in_memory() -> None:
    sounds = Sounds(np.stack([tone(440, 8000), tone(600, 8000)]), 8000)
    first, second = read_sounds(sounds, [1, 0], 16_000, seconds=0.25)
    assert len(first) == len(second) == 4000
    assert strength(first, 16_000, 600) == pytest.approx(0.5, rel=0.02)
    (same,) = read_sounds(sounds, [0], 8000, seconds=9.0)
    assert same.tobytes() == sounds.waves[0].tobytes()
    with pytest.raises(DataError, match="less than"):
        read_sounds(Sounds(np.ones((1, 10), np.float32), 16_000), [0], 16_000, 1.0)


def test_images_and_sounds_are_not_taken_for_each_other() -> None:
    with pytest.raises(DataError, match="reads sounds, and these are images"):
        read_sounds(np.zeros((1, 4, 4), np.uint8), [0], 16_000, 1.0)
    with pytest.raises(DataError, match="reads images, and these are sounds"):
        read_batch(Sounds(np.ones((1, 400), np.float32), 16_000), [0], 8)


@pytest.mark.parametrize(
    ("waves", "rate", "message"),
    [
        (np.ones((1, 400)), 16_000, "float32"),
        (np.ones(400, np.float32), 16_000, r"\[n, samples\]"),
        (np.full((1, 400), np.inf, np.float32), 16_000, "infinite"),
        (np.ones((1, 400), np.float32), 16_000.0, "sampling rate is 16000.0"),
        (np.ones((1, 400), np.float32), 0, "sampling rate is 0"),
    ],
)
def test_waves_that_are_none(waves: Any, rate: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Sounds(waves, rate)


def test_a_split_of_sounds_is_chosen_from_and_digested() -> None:
    sounds = Sounds(np.random.default_rng(0).random((3, 400), dtype=np.float32), 16_000)
    split = Split(as_inputs(sounds), label_array(["a", "b", "a"]))
    chosen = split.only("a").inputs
    assert isinstance(chosen, Sounds)
    assert chosen.waves.tolist() == sounds.waves[[0, 2]].tolist()
    other = Split(Sounds(sounds.waves, 8000), split.labels)
    assert split_digest(split) == split_digest(Split(sounds, split.labels)) != split_digest(other)


def test_a_rate_below_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sampling rate 0"):
        read_sound(tmp_path / "a.wav", 0)
