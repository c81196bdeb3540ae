from __future__ import annotations

import numpy as np
import pytest

from preforget.core.errors import UsageError
from preforget.data import Sounds, load_data
from preforget.data.synthetic_sounds import CLIPS, KINDS, RATE, VOICES, load_sounds, utter, voice


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_clip_is_seeded_loud_and_within_bounds(kind: str) -> None:
    first, again = (utter(kind, voice("bass", 0), np.random.default_rng(3)) for _ in range(2))
    other = utter(kind, voice("bass", 0), np.random.default_rng(4))
    assert first.tobytes() == again.tobytes() != other.tobytes()
    assert (first.shape, first.dtype) == ((RATE,), np.float32)
    assert 0.05 < np.abs(first).max() <= 1


def test_a_rise_rises_and_a_fall_falls() -> None:
    def centre(wave: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(wave)) ** 2
        return float(np.fft.rfftfreq(len(wave), 1 / RATE)[power.argmax()])

    for kind, up in (("rise", True), ("fall", False)):
        wave = utter(kind, voice("cello", 0), np.random.default_rng(0))
        early, late = centre(wave[3000:5000]), centre(wave[12000:14000])
        assert (late > early) is up


def test_the_set() -> None:
    data = load_sounds(0, subjects=True)
    assert data.classes == tuple(sorted(KINDS))
    parts = (data.train, data.validation, data.test)
    assert sum(map(len, parts)) == len(data.classes) * len(VOICES) * CLIPS
    for part in parts:
        assert isinstance(part.inputs, Sounds)
        assert part.subjects is not None
        assert set(part.units) == {(kind, name) for kind in KINDS for name in VOICES}


def test_by_name_it_has_no_subjects_and_no_folds() -> None:
    data = load_data("sounds")
    assert data.train.subjects is None
    with pytest.raises(UsageError, match="no official folds"):
        load_data("sounds", fold=1)
