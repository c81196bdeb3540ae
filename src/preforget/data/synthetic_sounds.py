"""Ten kinds of sounds, synthesised on request: no files, no network, nobody's voice.

Each clip lasts a second at 16 kHz. A *voice* sets pitch, brightness, tempo and breath of all its sounds, as a
person's way of speaking does; clips of a voice differ by pitch, onset, loudness and the noise around them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from preforget.core.registry import Registry
from preforget.core.seeds import derive_seed
from preforget.data.dataset import Dataset, Sounds, Split, label_array
from preforget.data.registry import DATASETS, DataOptions, NamedSet
from preforget.data.splits import stratified_split, unit_names

RATE = 16_000
SECONDS = 1.0
VOICES = ("alto", "bass", "cello", "duo", "echo", "flute", "growl", "horn")
CLIPS = 12
"""Clips of each kind by each voice."""

FRACTIONS = (0.60, 0.15, 0.25)

Wave = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Voice:
    """Pitch in Hz, `brightness` (how slowly harmonics fall, 0..1), `tempo` (a factor), `breath` (noise, 0..1)."""

    pitch: float
    brightness: float
    tempo: float
    breath: float


def voice(name: str, seed: int) -> Voice:
    """Draw the voice of a name: always the same for a name and a seed."""
    rng = np.random.default_rng(derive_seed(seed, "voice", name))
    return Voice(
        float(np.exp(rng.uniform(np.log(180), np.log(900)))),
        float(rng.uniform(0.3, 0.8)),
        float(rng.uniform(0.75, 1.35)),
        float(rng.uniform(0.0, 0.12)),
    )


Kind = Callable[[Wave, Voice, np.random.Generator], Wave]
KINDS: Registry[Kind] = Registry("kind of sound")
"""Functions of times `[samples]` in seconds, a voice and a generator that return a wave of about -1..1."""


def utter(kind: str, speaker: Voice, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return one clip, `float32 [samples]`: a sound with an onset, loudness and background of its own."""
    time = np.arange(round(SECONDS * RATE)) / RATE
    near = Voice(
        speaker.pitch * float(np.exp(rng.normal(0, 0.06))),
        speaker.brightness,
        speaker.tempo * float(np.exp(rng.normal(0, 0.05))),
        speaker.breath,
    )
    onset = float(rng.uniform(0.0, 0.15))
    wave = np.where(time < onset, 0.0, KINDS[kind](np.maximum(0.0, time - onset), near, rng))
    wave = wave * float(rng.uniform(0.3, 0.9)) + near.breath * 0.3 * rng.normal(size=len(time)) * (
        time >= onset
    )
    wave = wave + float(np.exp(rng.uniform(np.log(0.005), np.log(0.12)))) * rng.normal(size=len(time))
    return np.clip(wave, -1, 1).astype(np.float32)


def load_sounds(seed: int = 0, *, subjects: bool = False) -> Dataset:
    """Return 960 clips of ten kinds by eight voices, split 60/15/25 by kind and voice.

    `seed` draws voices, clips and split; `subjects`: whether to name the voice of each clip, as what can be forgotten.
    """
    waves, labels, names = [], [], []
    for kind in KINDS:
        for name in VOICES:
            speaker = voice(name, seed)
            rng = np.random.default_rng(derive_seed(seed, "clips", kind, name))
            waves += [utter(kind, speaker, rng) for _ in range(CLIPS)]
            labels += [kind] * CLIPS
            names += [name] * CLIPS
    sounds = Sounds(np.stack(waves), RATE)
    whole = Split(sounds, label_array(labels), label_array(names))
    parts = [whole.select(part) for part in stratified_split(unit_names(whole), FRACTIONS, seed)]
    if not subjects:
        parts = [Split(part.inputs, part.labels) for part in parts]
    train, validation, test = parts
    note = (
        f"{len(whole):,} synthesised sounds of {len(set(labels))} kinds by {len(VOICES)} voices, 1 s; "
        f"own stratified split 60/15/25, seed {seed}"
    )
    return Dataset("sounds", train, validation, test, tuple(KINDS), note)


@DATASETS.register("sounds")
class SynthesisedSounds(NamedSet):
    """The sounds by their name."""

    def load(self, options: DataOptions) -> Dataset:
        """Return the sounds, drawn and split by the seed."""
        return load_sounds(options.seed)


def _harmonic(phase: Wave, speaker: Voice) -> Wave:
    """Return a tone with harmonics from its phase in turns."""
    parts = [speaker.brightness**n * np.sin(2 * np.pi * (n + 1) * phase) for n in range(6)]
    return np.asarray(np.sum(parts, axis=0) * (1 - speaker.brightness))


def _turns(hertz: Wave) -> Wave:
    """Return the phase in turns of a frequency that changes over time."""
    phase: Wave = np.cumsum(hertz) / RATE
    return phase


def _noise(time: Wave, speaker: Voice, rng: np.random.Generator, width: float) -> Wave:
    """Return noise around three times the voice's pitch; `width` is its relative bandwidth."""
    spectrum = np.fft.rfft(rng.normal(size=len(time)))
    hertz = np.fft.rfftfreq(len(time), 1 / RATE)
    centre = 3 * speaker.pitch
    shaped = np.fft.irfft(spectrum * np.exp(-(((hertz - centre) / (width * centre)) ** 2)), len(time))
    return np.asarray(0.4 * shaped / (shaped.std() + 1e-12))


@KINDS.register("beep")
def _beep(time: Wave, speaker: Voice, rng: np.random.Generator) -> Wave:
    del rng
    return _harmonic(speaker.pitch * time, speaker) * (time < 0.7)


@KINDS.register("bell")
def _bell(time: Wave, speaker: Voice, rng: np.random.Generator) -> Wave:
    partials = (1.0, 2.76, 5.4, 8.93)
    turns = [
        np.sin(2 * np.pi * speaker.pitch * p * time + rng.uniform(0, 6.28)) / (1 + n)
        for n, p in enumerate(partials)
    ]
    return np.asarray(0.5 * np.sum(turns, axis=0) * np.exp(-6 * speaker.tempo * time))


@KINDS.register("fall")
def _fall(time: Wave, speaker: Voice, rng: np.random.Generator) -> Wave:
    del rng
    return _harmonic(_turns(3 * speaker.pitch * np.exp(-1.6 * speaker.tempo * time)), speaker)


@KINDS.register("hiss")
def _hiss(time: Wave, speaker: Voice, rng: np.random.Generator) -> Wave:
    return _noise(time, speaker, rng, 0.8)


@KINDS.register("knock")
def _knock(time: Wave, speaker: Voice, rng: np.random.Generator) -> Wave:
    since = time % (0.3 / speaker.tempo)
    return (np.sin(2 * np.pi * 0.5 * speaker.pitch * since) + 0.3 * rng.normal(size=len(time))) * np.exp(
        -45 * since
    )


@KINDS.register("rattle")
def _rattle(time: Wave, speaker: Voice, rng: np.random.Generator) -> Wave:
    since = time % (0.055 / speaker.tempo)
    return _noise(time, speaker, rng, 0.6) * 2 * np.exp(-120 * since)


@KINDS.register("rise")
def _rise(time: Wave, speaker: Voice, rng: np.random.Generator) -> Wave:
    del rng
    return _harmonic(_turns(speaker.pitch * np.exp(1.3 * speaker.tempo * time)), speaker)


@KINDS.register("siren")
def _siren(time: Wave, speaker: Voice, rng: np.random.Generator) -> Wave:
    swing = np.sin(2 * np.pi * 2.2 * speaker.tempo * time + rng.uniform(0, 6.28))
    return _harmonic(_turns(1.5 * speaker.pitch * 2 ** (0.6 * swing)), speaker)


@KINDS.register("surf")
def _surf(time: Wave, speaker: Voice, rng: np.random.Generator) -> Wave:
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * 2.2 * speaker.tempo * time)
    return _noise(time, speaker, rng, 0.8) * swell**2 * 1.5


@KINDS.register("trill")
def _trill(time: Wave, speaker: Voice, rng: np.random.Generator) -> Wave:
    high = np.sin(2 * np.pi * 9 * speaker.tempo * time + rng.uniform(0, 6.28)) > 0
    return _harmonic(_turns(speaker.pitch * np.where(high, 1.5, 1.0)), speaker)
