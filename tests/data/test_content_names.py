from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.data import as_split
from preforget.data.content_names import content_name, named_by_content
from preforget.data.dataset import Images, Sounds, Split, label_array
from preforget.data.load import load_data
from preforget.data.vectors import Vectors


def names_in(split: Split) -> list[str]:
    subjects = named_by_content(split).subjects
    assert subjects is not None
    return [str(name) for name in subjects]


def test_a_file_is_named_by_its_bytes_wherever_it_lies(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"the same")
    assert content_name(tmp_path / "a.png") == content_name(tmp_path / "b.png")
    assert content_name(tmp_path / "a.png") == f"sha256:{hashlib.sha256(b'the same').hexdigest()}"
    with pytest.raises(DataError, match=r"c\.png: can't be opened"):
        content_name(tmp_path / "c.png")


@pytest.mark.parametrize(
    "inputs",
    [
        np.arange(12, dtype=np.uint8).reshape(3, 2, 2),
        Sounds(np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4), 16000),
        Vectors(np.arange(6.0).reshape(3, 2)),
    ],
    ids=["pixels", "sounds", "vectors"],
)
def test_numbers_in_memory_are_named_by_their_values(inputs: Images) -> None:
    split = Split(inputs, label_array(["x", "y", "z"]))
    names = names_in(split)
    assert len(set(names)) == 3
    assert names_in(split.select([2, 0])) == [names[2], names[0]]


def test_the_same_numbers_of_another_kind_are_another_input() -> None:
    numbers = np.arange(4, dtype=np.float32)[None]
    kinds = [
        Vectors(numbers),
        Vectors(numbers.astype(np.float64)),
        Sounds(numbers / 4, 8),
        Sounds(numbers / 4, 9),
    ]
    assert len({names_in(Split(kind, label_array(["x"])))[0] for kind in kinds}) == 4


def test_each_input_is_a_subject_wherever_subjects_are_given() -> None:
    split = as_split(np.zeros((2, 4, 4), np.uint8), ["x", "y"], "each")
    assert split.subjects is not None
    assert len(set(split.subjects)) == 1
    data = load_data("digits", subjects="each")
    assert data.train.subjects is not None
    assert len(set(data.train.subjects)) > 1000
    assert data.validation.subjects is not None
