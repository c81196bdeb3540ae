from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from preforget.core.errors import DataError
from preforget.data import load_data

MakeFolder = Callable[[dict[str, int]], Path]


@pytest.mark.parametrize(
    ("name", "header", "cell"),
    [
        ("metadata.csv", "file_name,label", "images/{n:03}.png"),
        ("labels.csv", "id,label", "{n:03}"),
        ("train.tsv", "image\tclass", "{n:03}.png"),
    ],
)
def test_a_table_beside_one_folder_of_pictures(
    make_folder: MakeFolder, name: str, header: str, cell: str
) -> None:
    root = make_folder({"images": 12})
    divider = "\t" if "\t" in header else ","
    lines = [header, *(f"{cell.format(n=n)}{divider}{'ab'[n % 2]}" for n in range(12))]
    (root / name).write_text("\n".join(lines))
    data = load_data(root)
    assert data.classes == ("a", "b")
    assert data.name == "pets"
    assert len(data.train) == 8


def test_folds_with_a_table(make_folder: MakeFolder) -> None:
    root = make_folder({"fold1": 4, "fold2": 4})
    lines = [f"fold{f}/{n:03}.png,{f},{'ab'[n % 2]}" for f in (1, 2) for n in range(4)]
    (root / "index.csv").write_text("\n".join(["path,fold,class", *lines]))
    assert {p.parent.name for p in load_data(root, fold=1).test.inputs} == {"fold1"}


@pytest.mark.parametrize("content", ["x", "path,label\nnowhere.png,a", "a,b\n1,2", ""])
def test_other_tables_leave_folders_classes(make_folder: MakeFolder, content: str) -> None:
    root = make_folder({"cat": 3, "dog": 3})
    (root / "labels.csv").write_text(content)
    assert load_data(root).classes == ("cat", "dog")


LINES = {
    "metadata.csv": ("file_name,label", "{n:03}.png,{label}"),
    "metadata.jsonl": ("", '{{"file_name": "{n:03}.png", "label": "{label}"}}'),
    "index.tsv": ("image\tclass", "{n:03}\t{label}"),
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("parts", [("train",), ("train", "test"), ("Training", "validation", "Testing")])
def test_a_table_in_the_folder_of_each_part(
    make_folder: MakeFolder, name: str, parts: tuple[str, ...]
) -> None:
    root = make_folder(dict.fromkeys(parts, 10))
    header, line = LINES[name]
    for part in parts:
        rows = [header, *(line.format(n=n, label="ab"[n % 2]) for n in range(10))]
        (root / part / name).write_text("\n".join(rows).strip() + "\n")
    data = load_data(root, strict=True)
    assert data.classes == ("a", "b")
    assert sum(map(len, (data.train, data.validation, data.test))) == 10 * len(parts)
    assert {path.parent.name for path in data.test.inputs} == {parts[-1]}


def test_tables_of_parts_that_do_not_go_together(make_folder: MakeFolder) -> None:
    root = make_folder({"train": 4, "test": 4})
    for part, cells in (("train", ["x|y", "x", "y", "x"]), ("test", ["x", "y", "x", "y"])):
        lines = [f"{n:03}.png,{cell}" for n, cell in enumerate(cells)]
        (root / part / "metadata.csv").write_text("\n".join(["file_name,label", *lines]))
    with pytest.raises(DataError, match="some parts have several labels per input and others one"):
        load_data(root)
    (root / "test" / "metadata.csv").write_text("file_name,label\n000.png,x\nnowhere.png,y\n")
    with pytest.raises(DataError, match=r"test/metadata\.csv, line 3: no such file"):
        load_data(root)
