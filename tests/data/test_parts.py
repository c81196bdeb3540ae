from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.data import Dataset, Split
from preforget.data.parts import finished, split_note, take_from_train


def images(labels: list[str]) -> Split:
    start = sum(map(ord, "".join(labels)))  # different pixels for different labels
    return Split((start + np.arange(len(labels) * 4)).reshape(-1, 2, 2), labels)  # type: ignore[arg-type]


def finish(parts: dict[str, Split], divided: bool = True, skip_broken: bool = False) -> Dataset:
    return finished(Path("pets"), "pets", parts, origin="mine", divided=divided, skip_broken=skip_broken)


def test_what_is_missing_is_taken_from_train() -> None:
    whole = images(["a"] * 10 + ["b"] * 10)
    dataset = finish({"train": whole, "test": images(["b"])})
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (18, 2, 1)
    assert dataset.classes == ("a", "b")
    assert dataset.note == "mine; split as found: train, test; val taken from train, stratified, seed 0"
    again = np.concatenate([dataset.train.inputs, dataset.validation.inputs])
    assert {image.tobytes() for image in again} == {image.tobytes() for image in whole.inputs}


def test_nothing_is_taken_from_a_source_that_is_divided() -> None:
    dataset = finish({"test": images(["a"]), "val": images(["b"]), "train": images(["b", "a"])})
    assert dataset.note == "mine; split as found: train, val, test"
    assert dataset.train.labels.tolist() == ["b", "a"]


def test_a_source_that_is_not_divided() -> None:
    assert finish({"train": images(["a"] * 10)}, divided=False).note == f"mine; {split_note([], [], 0)}"


def test_what_a_name_can_not_be_is_located() -> None:
    with pytest.raises(
        DataError, match="pets: the label at position 1 of train is empty; leave the input out"
    ):
        finish({"train": images(["a", ""])})


def test_sounds_of_which_none_can_be_used(tmp_path: Path) -> None:
    broken = tmp_path / "bark.wav"
    broken.write_bytes(b"RIFF")
    parts = {"train": Split([broken], ["dog"])}  # type: ignore[arg-type]
    with pytest.raises(DataError, match="1 of 1 files can't be used"):
        finish(dict(parts))
    with pytest.raises(DataError, match="no input of the train part can be used"):
        finish(dict(parts), skip_broken=True)


def test_parts_in_the_proportion_of_the_shares() -> None:
    parts = {"train": images(["a"] * 100)}
    take_from_train(parts, ["val", "test"], seed=3)
    assert {name: len(split) for name, split in parts.items()} == {"train": 70, "val": 10, "test": 20}
