from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from preforget.core.errors import DataError, UsageError
from preforget.data import load_data
from preforget.data.cells import read_rows
from preforget.data.registry import DataOptions
from preforget.data.table import list_table


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
    written = table(folder, ["file,class,part,person", *lines])
    with pytest.raises(DataError, match="2 persons are in several parts"):
        load_data(written, subjects="person")
    data = load_data(written, subjects="person", allow_duplicates=True)
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
    rows = [f"{n}.png,{'ab'[n % 2]},{('null', 'p')[n // 2 % 2]}" for n in range(12)]
    data = load_data(table(folder, ["path,label,person", *rows]), subjects="person")
    assert data.note is not None
    assert data.note.count("which is how tables write a missing value") == 1


def test_names_have_one_form_and_faults_say_the_line(folder: Path) -> None:
    rows = [f"{n}.png, {'ab'[n % 2]},{'p q'[: 1 + n % 2]}{' ' * (n % 3)}" for n in range(12)]
    data = load_data(table(folder, ["path, label,person", *rows]), subjects=" person")
    assert data.classes == ("a", "b")
    assert data.train.subjects is not None
    assert set(data.train.subjects) == {"p"}
    assert data.remarks[0].startswith("subject 'p' is written in 4 ways, on ")
    for row, message in (
        ("0.png, ,p", "line 14: the label is empty"),
        ("0.png,a,\u200b", "line 14: the subject is"),
    ):
        with pytest.raises(DataError, match=message):
            load_data(table(folder, ["path,label,person", *rows, row]), subjects="person")


def write_rows(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize(
    ("name", "header", "separator", "start"),
    [
        ("index.csv", ",path,label", ",", b""),
        ("metadata.csv", "file_name,label", ",", b""),
        ("T.CSV", "Path,Label", ",", b""),
        ("excel.csv", "path;label", ";", b"\xef\xbb\xbf"),
        ("tabs.tsv", "image\tclass", "\t", b""),
        ("images.csv", "Image Index,Finding Labels,path", ",", b""),
    ],
)
def test_tables_as_programs_write_them(
    folder: Path, name: str, header: str, separator: str, start: bytes
) -> None:
    cells = {
        "": lambda n: str(n),
        "path": lambda n: f"{n}.png",
        "label": lambda n: "ab"[n % 2],
    }
    kinds = {
        "file_name": "path",
        "image": "path",
        "class": "label",
        "finding labels": "label",
        "image index": "",
    }
    columns = [kinds.get(c.casefold(), c.casefold()) for c in header.split(separator)]
    lines = [header, *(separator.join(cells[c](n) for c in columns) for n in range(12))]
    path = write_rows(folder, name, start + "\r\n".join(lines).encode())
    data = load_data(path)
    assert data.classes == ("a", "b")
    assert len(data.train) == 8


def test_excels_own_text_is_utf_16(folder: Path) -> None:
    text = "path\tlabel\n" + "\n".join(f"{n}.png\t{'aé'[n % 2]}" for n in range(12))
    assert load_data(write_rows(folder, "u.csv", text.encode("utf-16"))).classes == ("a", "é")


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["Effusion", "Mass", "Effusion|Mass", "No Finding"], ("Effusion", "Mass", "No Finding")),
        (["Bark", "Dog", '"Bark,Dog"'], ("Bark", "Dog")),
        (["x;y", "x", "y", "z"], ("x", "y", "z")),
        (["a|b", "c|d", "a|c"], ("a", "b", "c", "d")),
    ],
)
def test_several_labels_in_a_cell(folder: Path, cells: list[str], classes: tuple[str, ...]) -> None:
    data = load_data(table(folder, ["path,label", *(f"{n}.png,{cells[n % len(cells)]}" for n in range(12))]))
    assert data.train.multilabel
    assert data.classes == classes
    assert any("hold several labels, divided by" in remark for remark in data.remarks)


@pytest.mark.parametrize("cells", [["polar bear", "dog"], ['"Smith, J"', "dog"], ["a;", "b"]])
def test_signs_in_names_of_single_labels_stay(folder: Path, cells: list[str]) -> None:
    data = load_data(table(folder, ["path,label", *(f"{n}.png,{cells[n % 2]}" for n in range(12))]))
    assert not data.train.multilabel
    assert len(data.classes) == 2


def test_labels_that_are_made_of_others_are_said(folder: Path) -> None:
    cells = ["scab", "frog_eye", "scab frog_eye"]
    data = load_data(table(folder, ["path,label", *(f"{n}.png,{cells[n % 3]}" for n in range(12))]))
    assert any("'scab frog_eye' are made of other labels" in remark for remark in data.remarks)


@pytest.mark.parametrize("columns", [("onset", "offset"), ("start", "end"), ("Start_Time", "x")])
def test_pieces_of_recordings_are_refused(folder: Path, columns: tuple[str, str]) -> None:
    rows = [f"{n % 6}.wav,{n},{n + 1},{'ab'[n % 2]}" for n in range(12)]
    with pytest.raises(
        DataError, match=f"{columns[0]}.* choose pieces of recordings, and .*0.wav is in 2 rows"
    ):
        load_data(table(folder, [f"path,{columns[0]},{columns[1]},label", *rows]))


def test_columns_that_are_not_read_are_named(folder: Path) -> None:
    rows = [f"{n}.wav,{n},9,{'ab'[n % 2]}" for n in range(12)]
    data = load_data(table(folder, ["path,onset,age,label", *rows]))
    assert any(remark.endswith("columns that aren't read: onset, age") for remark in data.remarks)


def test_a_column_of_folds(folder: Path) -> None:
    rows = [f"{n}.png,{'ab'[n % 2]},{1 + n // 4}" for n in range(12)]
    path = table(folder, ["path,label,fold", *rows])
    assert sorted(int(p.stem) for p in load_data(path).test.inputs) == [8, 9, 10, 11]
    data = load_data(path, fold=1, folds=[1, 2])
    assert (len(data.train) + len(data.validation), len(data.test)) == (4, 4)
    with pytest.raises(UsageError, match="has no official folds"):
        load_data(table(folder, ["path,label", *(r[:-2] for r in rows)]), fold=1)


def test_rare_findings_stay_in_train_and_the_rest_is_said(folder: Path) -> None:
    rows = ["path,edema,fracture", *(f"{n}.png,{n % 2},{int(n in (3, 5, 7))}" for n in range(12))]
    for seed in range(5):
        data = load_data(table(folder, rows), seed=seed)
        assert sum("fracture" in labels for labels in data.train.labels) >= 2
        lacking = not any("fracture" in labels for labels in data.validation.labels)
        assert lacking == any("'fracture' is on no validation input" in remark for remark in data.remarks)


def test_files_are_found_by_their_names_in_folders_below(folder: Path) -> None:
    (folder / "images" / "deep").mkdir(parents=True)
    for n in range(12):
        (folder / f"{n}.png").rename(folder / "images" / "deep" / f"p{n}.png")
    path = table(folder, ["id,label", *(f"p{n},{'ab'[n % 2]}" for n in range(11))])
    data = load_data(path)
    assert data.train.inputs[0].parent.name == "deep"
    assert dict(data.left_out)["not in the table"] == 13  # one picture and the sounds
    with pytest.raises(DataError, match="line 2: no such file"):
        load_data(table(folder, ["path,label", "gone.png,a"]))


@pytest.mark.parametrize(
    ("rows", "several"),
    [
        (["1,0,0", "0,1,0", "0,0,1"], False),
        (["1,0,0", "1,1,0", "0,0,1"], True),
        (["1,0,0", "0,0,0", "0,0,1"], True),
    ],
)
def test_columns_with_one_1_in_each_row_are_one_label(folder: Path, rows: list[str], several: bool) -> None:
    lines = [f"{n}.png,{rows[n % 3]}" for n in range(12)]
    (folder / "t.csv").write_text("\n".join(["path,ant,bee,cat", *lines]))
    listed = list_table(folder / "t.csv", read_rows(folder / "t.csv"), DataOptions())
    assert listed.splits["train"].multilabel == several
    assert any("exactly one 1" in remark for remark in listed.remarks) != several


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["1.0", "2.0"], ("1", "2")),
        (["0.00", "10.0"], ("0", "10")),
        (["1.0", "2"], ("1.0", "2")),
        (["1.5", "2.0"], ("1.5", "2.0")),
    ],
)
def test_whole_numbers_that_became_floats_are_whole_again(
    folder: Path, cells: list[str], classes: tuple[str, ...]
) -> None:
    data = load_data(table(folder, ["path,label", *(f"{n}.png,{cells[n % 2]}" for n in range(12))]))
    assert data.classes == classes
    assert any("whole numbers with '.0'" in remark for remark in data.remarks) == (classes[0].isdecimal())
    lines = [f"{n}.png,{'ab'[n // 6]},{n % 3}.0" for n in range(12)]
    data = load_data(table(folder, ["path,label,who", *lines]), subjects="who")
    assert set(data.train.subjects) < {"0", "1", "2"}  # type: ignore[arg-type]


@pytest.mark.parametrize(("words", "val"), [(("train", "eval", "test"), 4), (("Train", "Evaluation"), 1)])
def test_evaluation_is_what_the_other_parts_leave_it(folder: Path, words: tuple[str, ...], val: int) -> None:
    lines = [f"{n}.png,{'ab'[n % 2]},{words[n // 4 % len(words)]}" for n in range(12)]
    data = load_data(table(folder, ["path,label,split", *lines]))
    assert len(data.test) == 4
    assert len(data.validation) >= val


def test_an_empty_path_and_other_letters_are_named(folder: Path) -> None:
    with pytest.raises(DataError, match="line 3: the path is empty; name a file or remove the line"):
        load_data(table(folder, ["path,label", "1.png,a", " ,b"]))
    (folder / "table.csv").write_bytes("path,label\n1.png,café\n".encode("latin-1"))
    with pytest.raises(DataError, match="save it in UTF-8"):
        load_data(folder / "table.csv")


@pytest.mark.parametrize(
    "cell", ["IMG/{n}.PNG", "C:\\data\\{n}.png", "/home/kim/{n}.png", "https://a.b/{n}.png", "..\\x\\{n}.PNG"]
)
def test_paths_of_other_machines_are_found_by_their_names(folder: Path, cell: str) -> None:
    lines = [f"{cell.format(n=n)},{'ab'[n % 2]}" for n in range(12)]
    data = load_data(table(folder, ["path,label", *lines]))
    assert {path.parent for path in data.train.inputs} == {folder}
    (folder / "other").mkdir()
    Image.new("L", (4, 4), 99).save(folder / "other" / "3.png")
    with pytest.raises(DataError, match="line 5: 2 files are called so"):
        load_data(table(folder, ["path,label", *lines]))


@pytest.mark.parametrize(("yes", "no"), [("True", "False"), ("TRUE", "false"), ("1", "0"), (" 1.0", "0.00 ")])
def test_conditions_as_libraries_write_them(folder: Path, yes: str, no: str) -> None:
    lines = [f"{n}.png,{yes if n % 2 else no},{yes if n % 3 else no}" for n in range(12)]
    data = load_data(table(folder, ["path,odd,rest", *lines]))
    assert data.classes == ("odd", "rest")
    assert data.train.multilabel


def test_of_a_folder_with_a_table_all_files_that_it_does_not_name_are_counted(folder: Path) -> None:
    for number in range(12):
        (folder / f"{number}.wav").unlink()
    (folder / "notes.docx").write_text("x")
    written = table(folder, ["path,label", *(f"{n}.png,{'ab'[n % 2]}" for n in range(9))])
    assert load_data(folder).left_out == (("not in the table", 3), ("unknown ending .docx", 1))
    assert load_data(written).left_out == ()  # anything may lie beside a table
