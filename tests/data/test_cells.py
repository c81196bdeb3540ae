from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from preforget.core.errors import DataError
from preforget.data.cells import read_rows


def test_the_separator_is_that_of_the_header(tmp_path: Path) -> None:
    for name, text in (("a.csv", "x,y\n1;2,3\n"), ("b.csv", "x;y\n1,2;3\n"), ("c.tsv", "x\ty\n1,2\t3\n")):
        (tmp_path / name).write_text(text)
        rows = read_rows(tmp_path / name)
        assert rows.header == ["x", "y"]
        assert rows.lines[0][0] == 2
        assert rows.lines[0][1]["y"] == "3"


def test_the_index_of_pandas_and_empty_lines_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(",x,y\n0,a,b\n,,\n\n1,c,d\n")
    assert read_rows(tmp_path / "a.csv").lines == [(2, {"x": "a", "y": "b"}), (5, {"x": "c", "y": "d"})]


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;"])
def test_the_line_for_excel_is_no_header(tmp_path: Path, first: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{first}\nx;y,z\n1;2\n")
    if first.endswith(";;;"):  # a cell and two empty ones
        with pytest.raises(DataError, match="twice or without a name"):
            read_rows(path)
        return
    assert read_rows(path).lines == [(3, {"x": "1", "y,z": "2"})]
    path.write_text("sep=|\nx|y\n1|2\n")
    assert read_rows(path).header == ["x", "y"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'a,b\n1,"' + b"x" * 200_000, "field larger .* a quotation mark may be open"),
        (b"a,a\n1,2\n", "twice or without a name"),
        (b"a,b\n", "lists no input"),
        (b"a,b\n1\n", "line 2: 1 values for 2 columns"),
        (b"a,b\n\xff,2\n", "in UTF-8"),
        (b"\xff\xfea", "can't be read"),
        (b"", "lists no input|without a name"),
    ],
)
def test_faults_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=f"a.csv.*({message})"):
        read_rows(tmp_path / "a.csv")


def test_parquet_with_names_of_classes(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    label = {"_type": "ClassLabel", "names": ["cat", "dog"]}
    table = pyarrow.table(
        {"file_name": ["a.png", "b.png", None], "label": [0, 1, None], "tags": [["x", "y"], [], None]}
    )
    table = table.replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": {"label": label}}})}
    )
    parquet.write_table(table, tmp_path / "t.parquet")
    rows = read_rows(tmp_path / "t.parquet")
    assert rows.lines[1] == (2, {"file_name": "b.png", "label": "dog", "tags": ""})
    assert rows.lines[0][1]["tags"] == "x|y"
    (tmp_path / "t.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:-9])
    with pytest.raises(DataError, match="can't be read as Parquet"):
        read_rows(tmp_path / "t.parquet")


def test_parquet_of_pandas(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    frame = pandas.DataFrame({"path": ["a", "b", "c"], "label": [1.0, 2.0, float("nan")]}, index=[5, 6, 7])
    frame.to_parquet(tmp_path / "t.parquet")
    assert [row["label"] for _, row in read_rows(tmp_path / "t.parquet").lines] == ["1", "2", ""]


def test_files_in_parquet(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    values = [
        {"bytes": b"x", "path": "far/a.png"},
        {"bytes": b"y", "path": None},
        {"bytes": None, "path": "c.png"},
    ]
    pandas.DataFrame({"image": values, "label": [0, 1, 0]}).to_parquet(tmp_path / "t.parquet")
    rows = read_rows(tmp_path / "t.parquet")
    cells = [row["image"] for _, row in rows.lines]
    assert cells == [str(tmp_path / "t.parquet" / "image" / name) for name in ("1-a.png", "2")] + ["c.png"]
    assert {text: file.content for text, file in rows.files.items()} == {cells[0]: b"x", cells[1]: b"y"}
    pandas.DataFrame({"image": [b"x"], "label": [0]}).to_parquet(tmp_path / "u.parquet")
    (file,) = read_rows(tmp_path / "u.parquet").files.values()
    assert file.content == b"x"


def test_without_the_library_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"pip install 'preforget\[tables\]'"):
        read_rows(tmp_path / "t.parquet")


def test_json_lines(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text(
        '\ufeff{"file_name": "a.png", "label": 3}\n\n{"label": "x", "file_name": "b", "tags": ["p", "q"]}\n'
    )
    rows = read_rows(tmp_path / "m.jsonl")
    assert rows.header == ["file_name", "label", "tags"]
    assert rows.lines[0] == (1, {"file_name": "a.png", "label": "3", "tags": ""})
    assert rows.lines[1] == (3, {"file_name": "b", "label": "x", "tags": "p|q"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1}\n{', "line 2: no JSON"),
        (b'{"a": 1}\n[1]', "line 2: list, not an object"),
        (b"\xff", "in UTF-8"),
        (b"", "lists no input"),
        (b"[" * 100_000, "line 1: no JSON"),
        (b'{"a": 1e999}', "line 1: a value"),
    ],
)
def test_faults_of_json_lines_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "m.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=rf"m\.jsonl.*{message}"):
        read_rows(tmp_path / "m.jsonl")
