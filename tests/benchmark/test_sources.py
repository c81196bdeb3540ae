from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from preforget.benchmark.context import Context
from preforget.benchmark.matrix import DataEntry
from preforget.benchmark.sources import content_digest, is_to_be_had, limited, open_source
from preforget.core.errors import DataError, UsageError

from .conftest import write_colours


def entry(done: Context) -> DataEntry:
    return done.matrix.data[0]


def test_the_recipe_hangs_on_contents_not_on_places(done: Context, tmp_path: Path) -> None:
    own = entry(done)
    first = open_source(own, device="cpu", dtype="float32")
    copy = Path(shutil.copy(str(own.path), tmp_path / "copy.npz"))
    os.utime(copy, (0, 0))
    assert open_source(replace(own, path=str(copy)), device="cpu", dtype="float32").recipe == first.recipe
    other = write_colours(tmp_path / "other.npz", seed=1)
    assert open_source(replace(own, path=str(other)), device="cpu", dtype="float32").recipe != first.recipe
    assert open_source(replace(own, image_size=24), device="cpu", dtype="float32").recipe != first.recipe


def test_a_part_is_stratified_and_said(done: Context) -> None:
    source = open_source(replace(entry(done), train=18, note="ours"), device="cpu", dtype="float32")
    assert sorted(source.data.train.labels).count(source.data.classes[0]) == 6
    assert "a seeded, stratified part: 18 of 36 train inputs" in source.note
    assert source.note.endswith("ours")
    assert np.array_equal(limited(source.data.train, 9).labels, limited(source.data.train, 9).labels)
    assert content_digest(source.data.train) != content_digest(source.data.test)


def test_what_cannot_be_had(done: Context, tmp_path: Path) -> None:
    assert not is_to_be_had(DataEntry("sounds-of-mine", needs_path=True))
    assert is_to_be_had(DataEntry("digits"))
    with pytest.raises(UsageError, match="give its path with --data mine=PATH"):
        is_to_be_had(DataEntry("mine"))
    lacking = write_colours(tmp_path / "few.npz", {"train": 4, "val": 0, "test": 3})
    with pytest.raises(DataError):
        open_source(replace(entry(done), path=str(lacking)), device="cpu")
