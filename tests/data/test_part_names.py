from __future__ import annotations

import pytest

from preforget.data.part_names import part_in, part_of_word, parts_among


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("Training", "Validation", "Testing"),
        ("training_set", "validation_set", "test_set"),
        ("TRAIN", "VAL", "TEST"),
        ("seg_train", "seg_val", "seg_test"),
        ("trainset", "valset", "testset"),
        ("train-data", "valid-data", "test-data"),
        ("TrainImages", "ValImages", "TestImages"),
        ("Images_train", "images dev", "IMAGES.test"),
        ("1_train", "2_val", "3_test"),
        ("Train-01", "Vld-02", "Tst-03"),
        ("training", "validation", "evaluation"),
        ("train", "eval", "test"),
        ("x_train", "x_val", "x_holdout"),
        ("oiseaux_train", "oiseaux_val", "oiseaux_test"),
    ],
)
def test_spellings_of_parts(train: str, val: str, test: str) -> None:
    wanted = {train: "train", val: "val", test: "test"}
    assert parts_among([train, val, test]) == wanted
    assert parts_among([test, train]) == {train: "train", test: "test"}


@pytest.mark.parametrize(
    "names",
    [
        ["cat", "dog"],
        ["terrier", "trainer", "latest"],
        ["train station", "airport"],
        ["test pattern", "train station"],
        ["dev", "sales"],
        ["train_test", "cat"],
        ["train1", "train2", "test1"],
        ["eval", "sales"],
    ],
)
def test_names_of_classes_are_no_parts(names: list[str]) -> None:
    assert parts_among(names) == {}


def test_what_a_name_says_beside_the_part() -> None:
    assert part_in("validation_list") == ("val", "list")
    assert part_in("café-Test") == ("test", "café")
    assert part_in("") is None


@pytest.mark.parametrize(
    ("cell", "part"), [(" Train", "train"), ("TESTING", "test"), ("x", None), ("", None)]
)
def test_cells(cell: str, part: str | None) -> None:
    assert part_of_word(cell) == part
