"""Read a CSV of paths and labels: one label per row, or one column of 0 and 1 for each condition."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from preforget.core.errors import DataError
from preforget.core.files import open_regular
from preforget.core.names import normal_name
from preforget.data.dataset import Dataset, Split, label_array
from preforget.data.labels import one_name_each
from preforget.data.parts import PARTS, finished
from preforget.data.registry import DATASETS, DataFormat, DataOptions

MAX_BYTES = 2**30
"""The largest table that is read."""

PATH = ("path", "file", "filename")
LABEL = ("label", "class", "category")
PART = ("part", "split")


def load_table(path: Path, seed: int = 0, subjects: str | None = None, skip_broken: bool = False) -> Dataset:
    """Return the images or sounds that a CSV with a header lists, paths relative to its folder.

    Columns: `path`, and either `label` or, for several labels per input, one column of 0 and 1 for each condition;
    `part` (train, val, test) if the rows are divided already; `subjects` names the column of persons.
    Parts that are missing are taken from train by `seed`. Raises `DataError` that names the file and the line.
    """
    header, rows = _read(path)
    subjects = None if subjects is None else normal_name(subjects)
    path_column = _column(path, header, PATH)
    single = next((name for name in LABEL if name in header), None)
    part = next((name for name in PART if name in header), None)
    if subjects is not None and subjects not in header:
        raise DataError(f"{path}: has no column {subjects!r} of subjects; it has {', '.join(header)}")
    conditions = [name for name in header if name not in (path_column, part, subjects)]
    if single is None and not conditions:
        raise DataError(
            f"{path}: has no column of labels; add `label`, or one column of 0 and 1 per condition"
        )
    if single is None:
        one_name_each(conditions, "label", lambda i: f"{path}: column {i + 1} of the conditions", "rename it")
    rows_of: dict[str, list[tuple[Path, str | tuple[str, ...], str]]] = {}
    lines: dict[str, list[int]] = {}
    for line, row in rows:
        file = path.parent / row[path_column]
        if not file.is_file():
            raise DataError(f"{path}, line {line}: no such file: {file}")
        label = row[single] if single else _marked(path, line, row, conditions)
        part_name = _part(path, line, row[part]) if part else "train"
        rows_of.setdefault(part_name, []).append((file, label, row[subjects] if subjects else ""))
        lines.setdefault(part_name, []).append(line)
    if "train" not in rows_of:
        raise DataError(f"{path}: no row belongs to the train part; mark some with train")
    splits = {
        name: Split(
            [file for file, _, _ in entries],
            label_array([label for _, label, _ in entries]),
            label_array([subject for _, _, subject in entries]) if subjects else None,
        )
        for name, entries in rows_of.items()
    }
    return finished(
        path,
        path.stem,
        splits,
        locate=lambda part, position, what: f"{path}, line {lines[part][position]}: the {what}",
        remedy="name one or remove the line",
        origin=f"table {path.name!r}",
        divided=part is not None,
        seed=seed,
        skip_broken=skip_broken,
    )


@DATASETS.register("table")
class Table(DataFormat):
    """A CSV of paths and labels."""

    what = "a .csv"
    uses = frozenset({"subjects"})
    order = 20

    def reads(self, path: Path) -> bool:
        """Tell whether it is a file called `.csv`."""
        return path.is_file() and path.suffix == ".csv"

    def load(self, path: Path, options: DataOptions) -> Dataset:
        """Return the data set; `subjects` names a column."""
        subjects = None if options.subjects is None else str(options.subjects)
        return load_table(path, options.seed, subjects, options.skip_broken)


def _read(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    try:
        with io.TextIOWrapper(open_regular(path, MAX_BYTES), "utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [normal_name(name) for name in next(reader, [])]
            lines = [(reader.line_num, values) for values in reader if values]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: can't be read as CSV in UTF-8: {error}") from error
    if len(set(header)) < len(header) or not all(header):
        raise DataError(f"{path}: the header has a column twice or without a name")
    if not lines:
        raise DataError(f"{path}: lists no input below its header")
    for line, values in lines:
        if len(values) != len(header):
            raise DataError(f"{path}, line {line}: {len(values)} values for {len(header)} columns")
    return header, [(line, dict(zip(header, values, strict=True))) for line, values in lines]


def _column(path: Path, header: list[str], names: tuple[str, ...]) -> str:
    for name in names:
        if name in header:
            return name
    raise DataError(f"{path}: has no column {names[0]!r}; its header is {', '.join(header) or 'empty'}")


def _marked(path: Path, line: int, row: dict[str, str], conditions: list[str]) -> tuple[str, ...]:
    for name in conditions:
        if row[name].strip() not in ("0", "1"):
            raise DataError(
                f"{path}, line {line}: column {name!r} holds {row[name]!r}; conditions are 0 or 1"
            )
    return tuple(sorted(name for name in conditions if row[name].strip() == "1"))


def _part(path: Path, line: int, text: str) -> str:
    if text.strip().lower() not in PARTS:
        raise DataError(f"{path}, line {line}: part {text!r} is unknown; write train, val or test")
    return PARTS[text.strip().lower()]
