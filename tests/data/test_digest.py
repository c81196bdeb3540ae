from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

from preforget.data import Split, as_split
from preforget.data.dataset import label_array
from preforget.data.digest import split_digest


def arrays(**changes: int) -> Split:
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    images[0, 0, 0] += changes.get("pixel", 0)
    return Split(images, label_array(["a", "b"]))


def test_the_same_images_and_labels_have_the_same_digest() -> None:
    assert split_digest(arrays()) == split_digest(arrays())
    whole = arrays()
    assert isinstance(whole.inputs, np.ndarray)
    assert split_digest(Split(np.asfortranarray(whole.inputs), whole.labels)) == split_digest(whole)


def test_any_change_of_arrays_shows() -> None:
    base = arrays()
    assert isinstance(base.inputs, np.ndarray)
    others = [
        arrays(pixel=1),
        Split(base.inputs.reshape(2, 4, 3), base.labels),
        Split(base.inputs, label_array(["b", "a"])),
        Split(base.inputs, label_array(["a", "bb"])),
        base.select([1, 0]),
        base.select([0]),
    ]
    assert len({split_digest(split) for split in [base, *others]}) == len(others) + 1


def test_files_are_told_by_place_size_and_time(tmp_path: Path) -> None:
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        Image.new("RGB", (4, 4)).save(path)
    split = Split(paths, label_array(["a", "b"]))
    first = split_digest(split)
    assert split_digest(split) == first
    os.utime(paths[0], ns=(0, 0))
    assert split_digest(split) != first


def test_subjects_are_part_of_it() -> None:
    images = np.zeros((2, 2, 2), dtype=np.uint8)
    splits = [as_split(images, ["a", "b"], people) for people in (None, ["x", "y"], ["x", "z"])]
    assert len({split_digest(split) for split in splits}) == 3
