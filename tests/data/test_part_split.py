from __future__ import annotations

from pathlib import Path

import pytest

from preforget.data import Split
from preforget.data.part_split import split_note, take_from_train


def split(labels: list[str], subjects: list[str] | None = None) -> Split:
    return Split([Path(str(n)) for n in range(len(labels))], labels, subjects)  # type: ignore[arg-type]


def sizes(splits: dict[str, Split]) -> dict[str, int]:
    return {name: len(part) for name, part in splits.items()}


def test_the_parts_that_are_missing_are_taken_from_train() -> None:
    splits = {"train": split(["a"] * 20 + ["b"] * 10)}
    take_from_train(splits, ["val", "test"], 0)
    assert sizes(splits) == {"train": 21, "val": 3, "test": 6}
    same = {"train": split(["a"] * 4), "test": split(["a"])}
    take_from_train(same, [], 0)
    assert sizes(same) == {"train": 4, "test": 1}


def test_inputs_of_the_same_content_stay_together() -> None:
    for seed in range(5):
        splits = {"train": split(["a"] * 20)}
        take_from_train(splits, ["val", "test"], seed, same=[[0, 7, 9], [1, 2]])
        for group in ([0, 7, 9], [1, 2]):
            parts = [n for n, part in splits.items() if {Path(str(g)) for g in group} & set(part.inputs)]
            assert len(parts) == 1


@pytest.mark.parametrize("seed", range(6))
def test_persons_with_one_input_each_fill_all_parts(seed: int) -> None:
    labels = [label for label in "abc" for _ in range(8)]
    splits = {"train": split(labels, [f"p{n}" for n in range(24)])}
    take_from_train(splits, ["val", "test"], seed)
    assert all(set(part.labels) == {"a", "b", "c"} for part in splits.values())
    again = {"train": split([*labels, "d", "d", "d"], [f"p{n}" for n in range(27)])}
    take_from_train(again, ["val", "test"], seed)
    assert set(splits["test"].inputs) == set(again["test"].without("d").inputs)  # another class moves nobody


def test_what_the_note_says() -> None:
    assert split_note([], ["val", "test"], 3, "subject") == "own by person split 70/10/20, seed 3"
    assert (
        split_note(["train"], ["val"], 3) == "split as found: train; val taken from train, stratified, seed 3"
    )
