from __future__ import annotations

import os
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from preforget.core.errors import DataError
from preforget.data import DataOptions, Dataset, Split, read_batch
from preforget.data.folder import list_folder, load_folder

from ..rights import bound_by_rights

MakeFolder = Callable[[dict[str, int]], Path]


def sizes(data: Dataset) -> list[int]:
    return [len(data.train), len(data.validation), len(data.test)]


def names(split: Split) -> set[str]:
    assert isinstance(split.inputs, list)
    return {f"{path.parent.name}/{path.name}" for path in split.inputs}


def test_classes_without_parts_are_split_70_10_20(make_folder: MakeFolder) -> None:
    data = load_folder(make_folder({"dog": 10, "cat": 20}), DataOptions(seed=3))
    assert data.classes == ("cat", "dog")
    assert data.name == "pets"
    assert sizes(data) == [21, 3, 6]
    assert Counter(data.test.labels) == {"cat": 4, "dog": 2}
    assert len(names(data.train) | names(data.validation) | names(data.test)) == 30
    assert data.note == "folder 'pets'; own stratified split 70/10/20, seed 3"


def test_inputs_are_paths_that_can_be_read(make_folder: MakeFolder) -> None:
    data = load_folder(make_folder({"dog": 3, "cat": 3}))
    assert read_batch(data.train.inputs, slice(None), 8).shape == (2, 8, 8, 3)


@pytest.mark.parametrize("val", ["val", "validation", "valid", "Val"])
def test_three_parts_are_kept(make_folder: MakeFolder, val: str) -> None:
    root = make_folder({f"{part}/{label}": 3 for part in ("train", val, "test") for label in ("cat", "dog")})
    data = load_folder(root)
    assert sizes(data) == [6, 6, 6]
    assert data.note == "folder 'pets'; split as found: train, val, test"


@pytest.mark.parametrize(
    ("parts", "expected", "note"),
    [
        ({"train": 8, "test": 3}, [14, 2, 6], "found: train, test; val taken from train"),
        ({"train": 9, "val": 3}, [14, 6, 4], "found: train, val; test taken from train"),
        ({"train": 10}, [14, 2, 4], "found: train; val and test taken from train"),
    ],
)
def test_missing_parts_are_taken_from_train(
    make_folder: MakeFolder, parts: dict[str, int], expected: list[int], note: str
) -> None:
    root = make_folder({f"{part}/{label}": n for part, n in parts.items() for label in ("cat", "dog")})
    data = load_folder(root)
    assert sizes(data) == expected
    assert note in data.note


def test_a_class_is_split_alike_whichever_others_exist(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"cat": 20, "dog": 20, "eel": 20})
    before = load_folder(root)
    (root / "dog").rename(tmp_path / "dog")
    after = load_folder(root)
    assert names(before.train.without("dog")) == names(after.train)
    assert names(before.test.without("dog")) == names(after.test)


def test_a_class_may_be_called_train(make_folder: MakeFolder) -> None:
    assert load_folder(make_folder({"train": 3, "plane": 3})).classes == ("plane", "train")


def test_other_files_and_hidden_ones_are_left_out(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 3, "dog": 3, ".git/objects": 2, "__MACOSX": 1})
    for name in ("labels.csv", "cat/notes.txt", "cat/Thumbs.db", "cat/._000.png", "cat/.DS_Store"):
        (root / name).write_bytes(b"x")
    assert sum(sizes(load_folder(root))) == 6


def test_images_may_lie_deeper_and_endings_in_capitals(make_folder: MakeFolder) -> None:
    root = make_folder({"cat/patient 1": 2, "cat/patient 2": 2, "dog": 4})
    (root / "dog" / "000.png").rename(root / "dog" / "000.PNG")
    data = load_folder(root)
    assert Counter([*data.train.labels, *data.validation.labels, *data.test.labels]) == {"cat": 4, "dog": 4}


def test_a_test_part_may_lack_a_class(make_folder: MakeFolder) -> None:
    data = load_folder(make_folder({"train/cat": 4, "train/dog": 4, "val/cat": 1, "test/dog": 1}))
    assert data.classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "pets: no sub-folders; make one sub-folder per class"),
        ({"cat": 3, "dog": 0}, "dog: no image in this class folder"),
        ({"train/cat": 3, "train/dog": 3, "test/cat": 0}, "cat: no image in this class folder"),
        ({"train": 3, "test": 3}, "train: no sub-folders"),
        ({"train/cat": 3, "extra/cat": 3}, "extra, train all hold the same folders, cat"),
        ({"train/cat": 3, "extra": 3}, r"parts \(train\) are mixed with others \(extra\)"),
        ({"test/cat": 3, "test/dog": 3}, "there is test, but no train folder"),
        ({"train/cat": 3, "val/cat": 3, "valid/cat": 3}, "both 'val' and 'valid' hold the val part"),
        ({"train/cat": 3, "train/dog": 3, "test/eel": 3}, "test part has inputs of 'eel'"),
    ],
)
def test_folders_that_cannot_be_used(make_folder: MakeFolder, counts: dict[str, int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_folder(make_folder(counts))


def test_a_folder_of_one_class_is_read(make_folder: MakeFolder) -> None:
    """It may be all that a model still knows, which is compared with retraining."""
    assert load_folder(make_folder({"cat": 10})).classes == ("cat",)


def test_a_missing_folder_and_a_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone: can't be read as a folder of images: No such file"):
        load_folder(tmp_path / "gone")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="Not a directory"):
        load_folder(tmp_path / "file")


def test_an_unreadable_class_is_named(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 3, "dog": 3})
    (root / "dog").chmod(0)
    try:
        with bound_by_rights(), pytest.raises(DataError, match=r"dog: can't be read .*: Permission denied"):
            load_folder(root)
    finally:
        (root / "dog").chmod(0o700)


def test_links_are_followed(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"cat": 3, "dog": 3})
    (root / "dog").rename(tmp_path / "elsewhere")
    (root / "dog").symlink_to(tmp_path / "elsewhere")
    (root / "cat" / "first.png").symlink_to("000.png")
    data = load_folder(root)
    assert sum(sizes(data)) == 7
    assert [group.kind for group in data.repeated] == ["same"]


@pytest.mark.parametrize(
    ("link", "target", "message"),
    [
        ("cat/up", "..", "leads back to a folder above it"),
        ("cat/self.png", "self.png", "can't be followed"),
        ("cat/broken.png", "gone.png", "leads nowhere"),
    ],
)
def test_links_that_lead_nowhere_are_named(
    make_folder: MakeFolder, link: str, target: str, message: str
) -> None:
    root = make_folder({"cat": 3, "dog": 3})
    (root / link).symlink_to(target)
    with pytest.raises(DataError, match=message):
        load_folder(root)


def test_a_large_folder_is_listed_without_opening_a_file(tmp_path: Path) -> None:
    count = 10_000
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for number in range(count // 2):
            os.close(os.open(tmp_path / label / f"{number:05}.jpg", os.O_CREAT))
    tracemalloc.start()
    listed = list_folder(tmp_path, DataOptions())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(listed.splits["train"]) == count
    assert peak < count * 2_000


@pytest.mark.real_data
def test_blood_cells(shared_data: Path) -> None:
    listed = list_folder(
        shared_data / "bloodcells-64", DataOptions()
    )  # looking at each takes a quarter of a minute
    assert [len(listed.splits[part]) for part in ("train", "val", "test")] == [11_959, 1_712, 3_421]
    assert len(set(listed.splits["train"].labels)) == 8
    assert read_batch(listed.splits["test"].inputs, slice(0, 50), 96).std() > 10


def test_folders_whose_names_are_one_name_are_one_class(make_folder: MakeFolder) -> None:
    data = load_folder(make_folder({"caf\u00e9": 5, "cafe\u0301 ": 5, "tea": 10}))
    assert data.classes == ("caf\u00e9", "tea")
    assert Counter(data.train.labels) == {"caf\u00e9": 7, "tea": 7}
    assert data.remarks[0].startswith("label 'caf\u00e9' is written in 2 ways, on 5, 5 inputs")


@pytest.mark.parametrize(("name", "fault"), [("caf\udce9", "is no UTF-8 text"), ("abstain", "is 'abstain'")])
def test_a_folder_whose_name_can_not_be_a_class_is_refused(
    make_folder: MakeFolder, name: str, fault: str
) -> None:
    with pytest.raises(DataError, match=f"that gives its class {fault}.*; rename the folder"):
        load_folder(make_folder({name: 3, "tea": 3}))


@pytest.mark.parametrize(
    ("counts", "is_said"),
    [
        ({"archive/a": 6, "archive/b": 6}, True),
        ({"archive/pets/a": 6, "archive/pets/b": 6}, True),
        ({"train/archive/a": 6, "train/archive/b": 6, "test/archive/a": 3}, True),
        ({"a": 12}, False),
        ({"a/x": 6, "b/x": 6, "b/y": 6}, False),
    ],
)
def test_one_class_whose_files_all_lie_deeper_is_said(
    make_folder: MakeFolder, counts: dict[str, int], is_said: bool
) -> None:
    remarks = load_folder(make_folder(counts)).remarks
    assert any("if those folders are the classes, give the one" in remark for remark in remarks) == is_said


def test_what_is_no_plain_file_is_named_as_such(make_folder: MakeFolder) -> None:
    root = make_folder({"a": 6, "b": 6})
    os.mkfifo(root / "a" / "pipe.png")
    with pytest.raises(DataError, match=r"pipe\.png: no plain file; remove"):
        load_folder(root)


@pytest.mark.parametrize(("count", "is_said"), [(1, False), (2, True), (3, True), (4, False)])
def test_classes_that_are_too_small_for_the_split_are_said(
    make_folder: MakeFolder, count: int, is_said: bool
) -> None:
    data = load_folder(make_folder({"a": 10, "b": count}))
    assert (data.train.labels.tolist().count("b") < 2) == (count < 4)
    said = [remark for remark in data.remarks if "leaves fewer than 2 to learn from" in remark]
    assert len(said) == is_said
    assert all(f"1 of 2 classes have so few inputs, {count} in all" in remark for remark in said)
