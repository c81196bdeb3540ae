from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from preforget.core.errors import DataError
from preforget.data import load_data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(12):
        soundfile.write(tmp_path / f"{number}.wav", np.random.default_rng(number).uniform(-1, 1, 800), 8000)
        Image.new("L", (4, 4), number).save(tmp_path / f"{number}.png")
    return tmp_path


def table(folder: Path, lines: list[str]) -> Path:
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_one_label_per_row(folder: Path) -> None:
    data = load_data(table(folder, ["path,label", *(f"{n}.wav,{'ab'[n % 2]}" for n in range(12))]))
    assert data.classes == ("a", "b")
    assert (len(data.train), len(data.validation), len(data.test)) == (8, 2, 2)
    assert not data.train.multilabel
    assert data.train.inputs[0].parent == folder


def test_parts_and_subjects_as_they_are_given(folder: Path) -> None:
    parts = ["train", "Val", "test"]
    lines = [f"{n}.png,{'ab'[n % 2]},{parts[n // 4]},{'xy'[n % 4 // 2]}" for n in range(12)]
    data = load_data(table(folder, ["file,class,part,person", *lines]), subjects="person")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [4, 4, 4]
    assert data.train.subjects is not None
    assert data.train.subjects.tolist() == ["x", "x", "y", "y"]


def test_a_column_for_each_condition(folder: Path) -> None:
    lines = [f"{n}.png,{n % 2},{int(n % 3 == 0)}" for n in range(12)]
    data = load_data(table(folder, ["path,odd,third", *lines]))
    assert data.classes == ("odd", "third")
    every = {
        int(p.stem): label
        for s in (data.train, data.validation, data.test)
        for p, label in zip(s.inputs, s.labels, strict=True)
    }
    assert every[0] == ("third",)
    assert every[3] == ("odd", "third")
    assert every[2] == ()


def test_which_conditions_there_are_moves_no_image(folder: Path) -> None:
    lines = [f"{n}.png,{n % 2},{int(n % 3 == 0)}" for n in range(12)]
    both = load_data(table(folder, ["path,odd,third", *lines]))
    one = load_data(table(folder, ["path,odd", *(line.rsplit(",", 1)[0] for line in lines)]))
    assert both.train.inputs == one.train.inputs
    assert both.test.inputs == one.test.inputs


def test_broken_sounds(folder: Path) -> None:
    (folder / "3.wav").write_bytes(b"")
    path = table(folder, ["path,label", *(f"{n}.wav,{'ab'[n % 2]}" for n in range(12))])
    with pytest.raises(DataError, match=r"3\.wav: empty file"):
        load_data(path)
    data = load_data(path, skip_broken=True)
    assert [p.name for p, _ in data.skipped] == ["3.wav"]
    assert folder / "3.wav" not in [*data.train.inputs, *data.validation.inputs, *data.test.inputs]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["path,label"], "lists no input"),
        (["label,other", "a,b"], "has no column 'path'"),
        (["path", "0.png"], "has no column of labels"),
        (["path,path,label", "0.png,0.png,a"], "a column twice"),
        (["path,label", "0.png"], "line 2: 1 values for 2"),
        (["path,label", "0.png, "], "line 2: the label is empty"),
        (["path,label", "nowhere.png,a"], "line 2: no such file"),
        (["path,a,b", "0.png,1,2"], r"line 2: column 'b' holds '2'; conditions are 0 or 1"),
        (["path,label,part", "0.png,a,later"], "part 'later'"),
        (["path,label,part", "0.png,a,test"], "no row belongs to the train part"),
        (["path,label", "0.png,a", "0.wav,b"], "sounds and images together"),
    ],
)
def test_a_table_that_cannot_be_used(folder: Path, lines: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_data(table(folder, lines))


def test_a_column_of_subjects_that_is_not_there(folder: Path) -> None:
    with pytest.raises(DataError, match="has no column 'who' of subjects"):
        load_data(table(folder, ["path,label", "0.png,a", "1.png,b"]), subjects="who")


def test_the_note_says_once_that_a_name_looks_like_a_missing_value(folder: Path) -> None:
    rows = [f"{n}.png,{'ab'[n % 2]},{('nan', 'p')[n // 2 % 2]}" for n in range(12)]
    data = load_data(table(folder, ["path,label,person", *rows]), subjects="person")
    assert data.note is not None
    assert data.note.count("which is how tables write a missing value") == 1


def test_names_have_one_form_and_faults_say_the_line(folder: Path) -> None:
    rows = [f"{n}.png, {'ab'[n % 2]},{'p q'[: 1 + n % 2]}{' ' * (n % 3)}" for n in range(12)]
    data = load_data(table(folder, ["path, label,person", *rows]), subjects=" person")
    assert data.classes == ("a", "b")
    assert data.train.subjects is not None
    assert set(data.train.subjects) == {"p"}
    assert len(data.remarks) == 1
    assert data.remarks[0].startswith("subject 'p' is written in 4 ways, on ")
    for row, message in (
        ("0.png, ,p", "line 14: the label is empty"),
        ("0.png,a,\u200b", "line 14: the subject is"),
    ):
        with pytest.raises(DataError, match=message):
            load_data(table(folder, ["path,label,person", *rows, row]), subjects="person")
