"""Texts in files: tables with a column of texts and one of labels, folders of such tables, folders of .txt files."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from preforget.core.errors import DataError
from preforget.core.files import open_regular, read_regular
from preforget.core.names import normal_name
from preforget.data.addresses import open_source
from preforget.data.assemble import Listed, assemble
from preforget.data.cells import MAX_BYTES, SEPARATORS, read_rows
from preforget.data.columns import Columns, chosen, has
from preforget.data.dataset import Dataset, Split, label_array
from preforget.data.part_names import part_of_word, parts_among
from preforget.data.registry import DATASETS, DataFormat, DataOptions
from preforget.data.table import ENDINGS, LABEL, PART
from preforget.data.texts import texts_of

TEXT = ("text", "sentence", "utterance", "query", "question", "review", "content")
"""Names of a column of texts; the first that a table has is read."""

NAMES_OF_FILES = frozenset(
    {"path", "file", "filename", "file_name", "filepath", "file_path", "image", "audio"}
)
"""A table with one of these columns lists files, whatever else it says of them."""

ORDER = 15
"""Before tables of files."""

LARGEST = 1 << 22
"""Bytes of a text file."""

Row = tuple[str, str, str | None, str]
"""Text, label, subject, and where they stand."""


def is_text_table(path: Path, columns: Columns | None = None) -> bool:
    """Tell whether the header of a table names a column of texts and one of labels, and none of files.

    `columns`: those that a user names; where one is named for texts, others may be called as files are.
    """
    if path.suffix.lower() not in ENDINGS or not path.is_file() or "path" in (columns or {}):
        return False
    header = header_of(path)
    if "text" not in (columns or {}) and {name.casefold() for name in header} & NAMES_OF_FILES:
        return False
    return has(header, columns, "text", TEXT) and has(header, columns, "label", LABEL)


def header_of(path: Path) -> list[str]:
    """Return the names of a table's columns; none of a file that can't be read, which its reader will say."""
    if path.suffix.lower() == ".parquet":
        try:
            from pyarrow import ArrowException, parquet
        except ImportError:
            return []
        try:
            with open_source(path) as raw:
                return [normal_name(name) for name in parquet.read_schema(raw).names]
        except (ArrowException, OSError):
            return []
    return [normal_name(name) for name in _cells(path, 0)]


def first_cells(path: Path) -> list[str]:
    """Return the cells of the first row below the header of a table with separators."""
    return _cells(path, 1)


def _cells(path: Path, number: int) -> list[str]:
    try:
        with open_regular(path, MAX_BYTES) as raw:
            lines = [raw.readline(1 << 20).decode("utf-8-sig") for _ in range(number + 1)]
    except (OSError, UnicodeDecodeError):
        return []
    separator = max(SEPARATORS, key=lambda sign: (lines[0].count(sign), sign == ","))
    try:
        return next(csv.reader([lines[number]], delimiter=separator), [])
    except csv.Error:  # such as a carriage return in the middle of a line
        return []


@DATASETS.register("text table")
class TextTable(DataFormat):
    """A table of texts and labels, or a folder with one for each part."""

    what = "a table with the columns text and label"
    uses = frozenset({"subjects", "split_by", "columns"})
    order = ORDER

    def reads(self, path: Path) -> bool:
        """Tell whether it is such a table, or a folder in which the parts are such tables."""
        return self.reads_with(path, None)

    def reads_with(self, path: Path, columns: Columns | None) -> bool:
        """Tell the same of tables whose columns a user names."""
        return is_text_table(path, columns) or bool(path.is_dir() and _tables(path, columns))

    def load(self, path: Path, options: DataOptions) -> Dataset:
        """Return the data set; `subjects` names a column, and `part` or `split` is one that divides the rows."""
        if path.is_file():
            parts = _rows_by_part(path, options, None)
            how = f"table {path.name!r}"
        else:
            tables = _tables(path, options.columns)
            parts = {}
            for name, part in sorted(tables.items()):
                parts.setdefault(part, []).extend(_rows_by_part(path / name, options, part)[part])
            how = f"tables {', '.join(sorted(tables))}"
        left = (
            0
            if path.is_file()
            else sum(1 for one in path.iterdir() if one.is_file() and one.name not in tables)
        )
        return _assembled(path, parts, how, options, (("not a part's table", left),) if left else ())


def _tables(folder: Path, columns: Columns | None) -> dict[str, str]:
    """Return the text tables of a folder that are named after parts, by part; none without one to learn from."""
    stems = {one.stem: one.name for one in folder.iterdir() if one.suffix.lower() in ENDINGS}
    parts = {stems[stem]: part for stem, part in parts_among(stems).items()}
    if "train" not in parts.values():
        return {}
    return {name: part for name, part in parts.items() if is_text_table(folder / name, columns)}


def _rows_by_part(path: Path, options: DataOptions, part: str | None) -> dict[str, list[Row]]:
    rows = read_rows(path)
    asked = (("text", TEXT), ("label", LABEL), ("split", PART))
    text, label, split = (chosen(path, rows.header, options.columns, *names) for names in asked)
    subjects = None if options.subjects is None else normal_name(str(options.subjects))
    if text is None or label is None:
        raise DataError(f"{path}: needs the columns text and label; its header is {', '.join(rows.header)}")
    if subjects is not None and subjects not in rows.header:
        raise DataError(f"{path}: has no column {subjects!r} of subjects; it has {', '.join(rows.header)}")
    rows_by_part: dict[str, list[Row]] = {}
    for line, row in rows.lines:
        where = f"{path}, line {line}"
        if not row[text].strip():
            raise DataError(f"{where}: the text is empty; write one or remove the line")
        its_part = part or ("train" if split is None else part_of_word(row[split]))
        if its_part is None:
            raise DataError(f"{where}: part {row[split or '']!r} is unknown; write train, val or test")
        person = None if subjects is None else row[subjects]
        rows_by_part.setdefault(its_part, []).append((row[text], row[label], person, where))
    return rows_by_part


@DATASETS.register("text folder")
class TextFolder(DataFormat):
    """Folders of .txt files, one for each class, with or without folders of parts above them."""

    what = "a folder with a folder of .txt files for each class"
    order = ORDER

    def reads(self, path: Path) -> bool:
        """Tell whether every file in the folders of classes is a .txt file."""
        if not path.is_dir():
            return False
        classes = [folder for folders in _class_folders(path).values() for folder in folders]
        files = [file.suffix.lower() == ".txt" for folder in classes for file in _files(folder)]
        return bool(files) and all(files)

    def load(self, path: Path, options: DataOptions) -> Dataset:
        """Return the data set."""
        parts: dict[str, list[Row]] = {}
        for part, folders in _class_folders(path).items():
            for folder in folders:
                rows = [(read_text(file), folder.name, None, str(file)) for file in _files(folder)]
                parts.setdefault(part, []).extend(rows)
        return _assembled(path, parts, "folders of text files", options)


def _class_folders(path: Path) -> dict[str, list[Path]]:
    """Return the folders of classes by their part, all in train where no folders are named after parts."""
    top = [one for one in sorted(path.iterdir()) if one.is_dir() and not one.name.startswith(".")]
    parts = parts_among(one.name for one in top)
    if "train" not in parts.values():
        return {"train": top}
    folders_by_part: dict[str, list[Path]] = {}
    for name, part in sorted(parts.items()):
        inner = [
            one for one in sorted((path / name).iterdir()) if one.is_dir() and not one.name.startswith(".")
        ]
        folders_by_part.setdefault(part, []).extend(inner)
    return folders_by_part


def _files(folder: Path) -> Iterator[Path]:
    return (one for one in sorted(folder.iterdir()) if one.is_file() and not one.name.startswith("."))


def read_text(path: Path) -> str:
    """Return what a text file says; raises `DataError` for one that can't be read or is empty."""
    try:
        content = read_regular(path, LARGEST, follow=True)
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read as text in UTF-8: {error}") from None
    if not text.strip():
        raise DataError(f"{path}: empty file; replace or remove it")
    return text


def _assembled(
    path: Path,
    parts: dict[str, list[Row]],
    how: str,
    options: DataOptions,
    left_out: Sequence[tuple[str, int]] = (),
) -> Dataset:
    if "train" not in parts:
        raise DataError(f"{path}: no text belongs to the train part; mark some with train")
    known = options.subjects is not None
    splits = {
        part: Split(
            texts_of([text for text, _, _, _ in rows]),
            label_array([label for _, label, _, _ in rows]),
            label_array([person for _, _, person, _ in rows]) if known else None,
        )
        for part, rows in parts.items()
    }
    given: list[str] = [part for part in ("train", "val", "test") if part in parts] if len(parts) > 1 else []
    listed = Listed(
        path,
        path.stem,
        splits,
        given,
        how,
        lambda part, position, what: f"{parts[part][position][3]}: the {what}",
        "name one or remove the line",
        tuple(left_out),
    )
    return assemble(listed, options)
