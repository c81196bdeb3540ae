from __future__ import annotations

from pathlib import Path

import pytest

from preforget.core.errors import DataError
from preforget.data import Texts, load_data
from preforget.data.text_files import header_of


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def rows(count: int, first: int = 0) -> str:
    return "".join(
        f"say {i} {label},{label}\n" for label in ("up", "down") for i in range(first, first + count)
    )


def test_a_table_of_texts_and_labels(tmp_path: Path) -> None:
    data = load_data(write(tmp_path / "all.csv", "id,Text,Label\n" + rows(20).replace("say", "1,say")))
    assert data.classes == ("down", "up")
    assert isinstance(data.train.inputs, Texts)
    assert len(data.train) + len(data.validation) + len(data.test) == 40
    assert data.train.inputs.values[0].startswith("say ")


def test_a_column_divides_the_rows_and_another_names_persons(tmp_path: Path) -> None:
    lines = [
        f"one {i},up,{part},p{i % 3}\ntwo {i},down,{part},p{i % 3}"
        for part in ("train", "val", "test")
        for i in range(4)
    ]
    lines = [line.replace("one", f"one {n}").replace("two", f"two {n}") for n, line in enumerate(lines)]
    path = write(tmp_path / "t.csv", "utterance,class,split,who\n" + "\n".join(lines) + "\n")
    data = load_data(path, subjects="who", allow_duplicates=True)
    assert (len(data.train), len(data.validation), len(data.test)) == (8, 8, 8)
    assert set(data.train.subjects) == {"p0", "p1", "p2"}


def test_a_folder_of_tables_called_as_parts(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "text,label\n" + rows(20))
    write(tmp_path / "test.csv", "text,label\n" + rows(4, first=50))
    write(tmp_path / "out_of_scope.csv", "text,label\nno,oos\n")
    data = load_data(tmp_path)
    assert len(data.test) == 8
    assert data.left_out == (("not a part's table", 1),)


def test_folders_of_text_files(tmp_path: Path) -> None:
    for label in ("up", "down"):
        for i in range(8):
            write(tmp_path / "set" / label / f"{i}.txt", f"{label} {i}\nand more")
    data = load_data(tmp_path / "set")
    assert data.classes == ("down", "up")
    assert data.train.inputs.values[0].endswith("and more")
    write(tmp_path / "parts" / "train" / "up" / "1.txt", "one")
    write(tmp_path / "parts" / "train" / "up" / "2.txt", "uno")
    write(tmp_path / "parts" / "train" / "down" / "1.txt", "two")
    write(tmp_path / "parts" / "train" / "down" / "2.txt", "due")
    write(tmp_path / "parts" / "test" / "down" / "1.txt", "three")
    assert len(load_data(tmp_path / "parts").test) == 1


def test_a_text_in_two_parts_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "text,label\n" + rows(5))
    write(tmp_path / "test.csv", "text,label\n" + rows(5))
    with pytest.raises(DataError, match="allow"):
        load_data(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text,label\n ,up\n", "line 2: the text is empty"),
        ("text,label,part\nhi,up,third\n", "line 2: part 'third' is unknown"),
        ("text,label,part\nhi,up,test\n", "no text belongs to the train part"),
        ("text,label\nhi,\n", "line 2: the label"),
    ],
)
def test_what_can_not_be_used(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_data(write(tmp_path / "t.csv", text))


def test_a_table_of_files_with_a_column_text_is_no_table_of_texts(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load_data(write(tmp_path / "t.csv", "path,text,label\na.png,hello,up\n"))


def test_an_empty_file(tmp_path: Path) -> None:
    write(tmp_path / "up" / "1.txt", " \n")
    write(tmp_path / "down" / "1.txt", "down")
    with pytest.raises(DataError, match=r"1\.txt: empty file"):
        load_data(tmp_path)


def test_a_header_with_a_stray_end_of_line_is_no_table_of_texts(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"text\rlabel,x\na,b\n")
    assert header_of(tmp_path / "t.csv") == []
