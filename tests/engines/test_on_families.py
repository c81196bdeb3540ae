"""Isolated, exact and paper engines on each family: what stays after forgetting has the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from preforget.backbones import Encoder, load_backbone
from preforget.core.errors import UsageError
from preforget.data import Sounds, Split, texts_of
from preforget.engines import ENGINES, Session
from preforget.engines.options import Paper

from ..backbones.test_family import SIZES
from ..backbones.test_timm_family import as_timm, write
from ..backbones.tiny_families import PICTURES, SPEECH, TEXTS, WORDS, write_tiny
from .conftest import learnable

TIMM = "timm"
FAMILIES = [*PICTURES, TIMM, *TEXTS, *SPEECH]


def test_no_row_of_the_table_is_left_out() -> None:
    """`tests/backbones/test_family.py` sees to it that its names are all rows but timm's."""
    assert {*FAMILIES} == {*SIZES, TIMM}


def checkpoint(folder: Path, name: str) -> Path:
    """Write a checkpoint of two blocks with random weights; timm's are those of DINOv2 in its layout."""
    if name != TIMM:
        return write_tiny(folder, name)[0]
    theirs, _ = write_tiny(folder / "theirs", "dinov2_with_registers")
    return write(folder / TIMM, as_timm(load_file(theirs / "model.safetensors")))


def words(labels: str, each: int) -> Split:
    """Texts of three to seven words, of which most are of a class."""
    rng = np.random.default_rng(0)
    found = []
    for label in labels:
        for _ in range(each):
            own = [f"{label}{rng.choice(list('xyz'))}" for _ in range(rng.integers(2, 5))]
            found.append(" ".join([*own, *rng.choice(WORDS[5:], rng.integers(1, 3))]))
    return Split(texts_of(found), [label for label in labels for _ in range(each)])


def learned(name: str, encoder: Encoder, data: Split, **options: object) -> object:
    kind = ENGINES[name]
    engine = kind(encoder, kind.options_type(**options))
    engine.learn(data, data, Session())
    return engine


def tones(labels: str, each: int) -> Split:
    """Noisy tones of a third of a second, the pitch of which is that of a class."""
    rng = np.random.default_rng(0)
    time = np.arange(5_600) / 16_000
    names = [label for label in labels for _ in range(each)]
    waves = [
        0.3 * np.sin(2 * np.pi * 300 * (ord(name) - 96) * time) + rng.normal(0, 0.05, 5_600) for name in names
    ]
    return Split(Sounds(np.array(waves, dtype=np.float32), 16_000), names)


@pytest.mark.parametrize("name", FAMILIES)
def test_learn_and_forget(tmp_path: Path, name: str) -> None:
    encoder = load_backbone(str(checkpoint(tmp_path, name)), device="cpu", dtype="float32", image_size=16)
    make = words if name in TEXTS else tones if name in SPEECH else learnable
    data = make("abc", 6)
    exact = learned("exact", encoder, data, levels=2)
    exact.forget("b")
    without = learned("exact", encoder, data.only(["a", "c"]), levels=2)
    for left, never in zip(exact.evaluate(data.inputs), without.evaluate(data.inputs), strict=True):
        np.testing.assert_array_equal(left, never)
    assert sorted(r.digest() for r in exact.records()) == sorted(r.digest() for r in without.records())
    isolated = learned("isolated", encoder, data, epochs=1)
    before = isolated.scores(data.inputs, ["a", "c"])
    isolated.forget("b")
    np.testing.assert_array_equal(isolated.scores(data.inputs, ["a", "c"]), before)
    if encoder.prefix:
        paper = learned("paper", encoder, data, epochs=1)
        paper.forget("b")
        assert paper.scores(data.inputs).shape == (18, 2)
    else:
        with pytest.raises(UsageError, match="CLS token and reads it, and this backbone has none"):
            ENGINES["paper"](encoder, Paper())
        assert exact.bank.layout.features == 2 * encoder.dim  # the mean state alone
