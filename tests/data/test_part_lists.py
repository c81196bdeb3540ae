from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from preforget.core.errors import DataError
from preforget.data import load_data

MakeFolder = Callable[[dict[str, int]], Path]


def test_lists_of_speech_commands_divide_the_files(make_folder: MakeFolder) -> None:
    root = make_folder({"yes": 6, "no": 6})
    (root / "testing_list.txt").write_text("yes/000.png\nno/001.png\n\n")
    (root / "validation_list.txt").write_text("./yes/002.png\r\nno\\003.png\r\n")
    data = load_data(root)
    assert [f"{p.parent.name}/{p.name}" for p in data.test.inputs] == ["no/001.png", "yes/000.png"]
    assert [p.name for p in data.validation.inputs] == ["003.png", "002.png"]
    assert len(data.train) == 8
    assert "with lists of files; split as found: train, val, test" in data.note


def test_a_list_of_train_and_test_leaves_the_rest_out(make_folder: MakeFolder) -> None:
    root = make_folder({"a": 6, "b": 6})
    (root / "train_list.txt").write_text("\n".join(f"{c}/00{n}.png" for c in "ab" for n in range(4)))
    (root / "test_list.txt").write_text("a/004.png\nb/004.png")
    data = load_data(root)
    assert (len(data.train) + len(data.validation), len(data.test)) == (8, 2)
    assert data.left_out == (("in no list", 2),)  # and not the lists, which are read


def test_other_texts_are_no_lists(make_folder: MakeFolder) -> None:
    root = make_folder({"a": 6, "b": 6})
    (root / "README.txt").write_text("hello")
    (root / "train_list.txt").write_text("")
    assert "own stratified split" in load_data(root).note


@pytest.mark.parametrize(
    ("line", "message"), [(b"a/gone.png", "line 1: no such file below"), (b"\xff", "can't be read")]
)
def test_faults_name_the_line(make_folder: MakeFolder, line: bytes, message: str) -> None:
    root = make_folder({"a": 6, "b": 6})
    (root / "testing_list.txt").write_bytes(line)
    with pytest.raises(DataError, match=f"testing_list.txt.*{message}"):
        load_data(root)


@pytest.mark.parametrize("names", [("testing_list",), ("testing_list", "validation_list")])
def test_lists_are_not_among_what_is_left_out(make_folder: MakeFolder, names: tuple[str, ...]) -> None:
    root = make_folder({"a": 6, "b": 6})
    for number, name in enumerate(names):
        (root / f"{name}.txt").write_text(f"a/00{number}.png\nb/00{number}.png\n")
    (root / "LICENCE.txt").write_text("free")
    assert load_data(root).left_out == (("unknown ending .txt", 1),)
    (root / "LICENCE.txt").unlink()
    assert load_data(root, strict=True).left_out == ()
