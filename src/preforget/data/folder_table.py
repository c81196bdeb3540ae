"""A folder of files with a table beside them: `metadata.csv` of Hugging Face, or any table of paths and labels.

Or a folder of parts, `train`, `test` and so on, each with such a table.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from preforget.core.errors import DataError
from preforget.core.paths import is_file
from preforget.data.assemble import Listed, assemble
from preforget.data.cells import read_rows
from preforget.data.columns import Columns, chosen, has
from preforget.data.dataset import Dataset
from preforget.data.listing import EXTENSIONS, ending
from preforget.data.part_names import parts_among
from preforget.data.part_split import SHARES
from preforget.data.registry import DATASETS, DataFormat, DataOptions
from preforget.data.table import LABEL, PATH, TABLES, list_table

MOST_TABLES = 20
"""Of folders with more tables none is taken for the one of labels."""


@DATASETS.register("folder-with-table")
class FolderWithTable(DataFormat):
    """A folder with exactly one table that has a column of paths and one of labels, or folders of parts like that."""

    what = "a folder of files with a table"
    uses = frozenset({"subjects", "folds", "split_by", "columns"})
    order = 50

    def reads(self, path: Path) -> bool:
        """Tell whether there is such a table, and a first file where it says."""
        return self.reads_with(path, None)

    def reads_with(self, path: Path, columns: Columns | None) -> bool:
        """Tell the same of a table whose columns a user names."""
        return path.is_dir() and (
            _table_in(path, columns) is not None or bool(_tables_of_parts(path, columns))
        )

    def load(self, path: Path, options: DataOptions) -> Dataset:
        """Return the data set; `subjects` names a column of the table."""
        table = _table_in(path, options.columns)
        if table is None:
            return assemble(_list_parts(path, _tables_of_parts(path, options.columns), options), options)
        return assemble(list_table(table, read_rows(table), options, path), options)


def _tables_of_parts(folder: Path, columns: Columns | None) -> dict[str, Path]:
    """Return the table in the folder of each part, empty unless there is a train part and all parts have one."""
    below = {p.name: p for p in sorted(folder.iterdir()) if p.is_dir() and not p.name.startswith(".")}
    named = parts_among(below)
    tables = {
        part: table for name, part in named.items() if (table := _table_in(below[name], columns)) is not None
    }
    return tables if "train" in tables and len(tables) == len(named) else {}


def _list_parts(folder: Path, tables: dict[str, Path], options: DataOptions) -> Listed:
    """Return the files that the tables of the parts name, each beside its table."""
    listed = {
        part: list_table(tables[part], read_rows(tables[part]), options, tables[part].parent)
        for part in SHARES
        if part in tables
    }
    for part, one in listed.items():
        if list(one.splits) != ["train"]:
            raise DataError(
                f"{tables[part]}: has a column of parts, and its folder is one; remove the column"
            )
    splits = {part: one.splits["train"] for part, one in listed.items()}
    if len({split.multilabel for split in splits.values()}) > 1:
        raise DataError(f"{folder}: some parts have several labels per input and others one; write all alike")
    left_out = Counter[str]()
    for one in listed.values():
        left_out.update(dict(one.left_out))
    return Listed(
        folder,
        folder.resolve().name,
        splits,
        list(splits),
        f"folder {folder.resolve().name!r} with a table in each part",
        lambda part, position, what: listed[part].locate("train", position, what),
        "name one or remove the line",
        tuple(left_out.most_common()),
        [remark for one in listed.values() for remark in one.remarks],
    )


def _table_in(folder: Path, columns: Columns | None) -> Path | None:
    """Return the only table of paths and labels, None if there is none or more than one, or if folders are classes."""
    tables = [
        p for p in sorted(folder.iterdir()) if p.suffix.lower() in TABLES and not p.name.startswith(".")
    ]
    tables = [p for p in tables if p.is_file()][: MOST_TABLES + 1]
    if not tables or len(tables) > MOST_TABLES:
        return None
    with_labels = [table for table in tables if _lists_files(folder, table, columns)]
    return with_labels[0] if len(with_labels) == 1 else None


def _lists_files(folder: Path, table: Path, columns: Columns | None) -> bool:
    """Tell whether a table has a column of paths and one of labels, and its first file is in the folder."""
    try:
        rows = read_rows(table)
    except DataError:
        return False
    if not has(rows.header, columns, "label", LABEL) or not has(rows.header, columns, "path", PATH):
        return False
    path = str(chosen(table, rows.header, columns, "path", PATH))
    name = rows.lines[0][1][path].strip()
    if not name:
        return False
    if name in rows.files or is_file(folder / name):
        return True
    last = Path(name).name
    candidates = [last] if ending(last) in EXTENSIONS else [f"{last}{each}" for each in sorted(EXTENSIONS)]
    return any(
        is_file(below / candidate) for below in [folder, *_folders(folder)] for candidate in candidates
    )


def _folders(folder: Path) -> list[Path]:
    """Return the folders one and two levels below."""
    first = [p for p in sorted(folder.iterdir()) if p.is_dir() and not p.name.startswith(".")]
    return [*first, *(p for one in first for p in sorted(one.iterdir()) if p.is_dir())]
