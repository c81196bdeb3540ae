from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

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
