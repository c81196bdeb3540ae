"""Read a table of paths and labels: one label per row, several in a cell, or one column of 0 and 1 per condition.

The files are looked for relative to the table's folder, by their paths, then by their names alone, then without their
endings, as tables of competitions have them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from preforget.core.errors import DataError
from preforget.core.names import normal_name
from preforget.core.paths import is_file, shortened
from preforget.data.assemble import Listed, assemble
from preforget.data.cells import Rows, read_rows
from preforget.data.columns import chosen
from preforget.data.dataset import Dataset, Split, label_array
from preforget.data.folder import chosen_folds
from preforget.data.labels import one_name_each
from preforget.data.listing import Listing
from preforget.data.part_names import parts_of_words
from preforget.data.registry import DATASETS, DataFormat, DataOptions, refuse_folds

PATH = (
    *(
        "path",
        "file",
        "filename",
        "file_name",
        "filepath",
        "file_path",
        "image",
        "image_path",
        "img_path",
        "img",
    ),
    *("audio", "audio_path", "slice_file_name", "image_id", "id"),
)
LABEL = ("label", "labels", "class", "category", "class_name", "finding labels")
PART = ("part", "split", "subset", "set")
FOLD = ("fold",)
TIMES = frozenset(
    {"onset", "offset", "start", "end", "begin", "start_time", "end_time", "start (s)", "end (s)"}
)
"""Columns that choose a piece of a recording."""

DIVIDERS = ("|", ";", ",")
"""What may stand between several labels in a cell; the last two count only where a label also stands alone."""

ENDINGS = (".csv", ".tsv", ".parquet")

TABLES = (*ENDINGS, ".jsonl")
"""Endings of tables of files; the others may hold texts or vectors."""

FLOAT = re.compile(r"\d+\.0+")
"""A whole number as a column is written that once had a missing value."""

MARK = re.compile(r"\s*([01](\.0+)?|true|false)\s*", re.IGNORECASE)
"""What a cell of a condition holds: `True` and `False` are what pandas writes of indicator columns."""

Labelled = str | tuple[str, ...]


def load_table(path: Path, options: DataOptions | None = None, root: Path | None = None) -> Dataset:
    """Return the images or sounds that a table with a header lists, relative to `root`, by default its folder.

    Columns, in any case: a path (`path`, `file_name`, `image`, ...), and either `label`, with one label or several
    divided by `|`, or one column of 0 and 1 for each condition; `part` (train, val, test) or `fold` if the rows are
    divided already; the option `subjects` names the column of persons. Parts that are missing are taken from train by
    seed. Raises `DataError` that names the file and the line.
    """
    options = options or DataOptions()
    return assemble(list_table(path, read_rows(path), options, root), options)


def list_table(path: Path, rows: Rows, options: DataOptions, root: Path | None = None) -> Listed:
    """Return the files that the rows of a table name, with their labels."""
    header = rows.header
    subjects = None if options.subjects is None else normal_name(str(options.subjects))
    path_column = chosen(path, header, options.columns, "path", PATH)
    if path_column is None:
        raise DataError(
            f"{path}: has no column {PATH[0]!r}; its header is {', '.join(header) or 'empty'}. --column path=NAME "
            "(columns) names it"
        )
    single = chosen(path, header, options.columns, "label", LABEL)
    part = chosen(path, header, options.columns, "split", PART)
    fold = chosen(path, header, None, "fold", FOLD)
    if subjects is not None and subjects not in header:
        raise DataError(f"{path}: has no column {subjects!r} of subjects; it has {', '.join(header)}")
    others = [name for name in header if name not in (path_column, single, part, fold, subjects)]
    if single is None and not others:
        raise DataError(
            f"{path}: has no column of labels; add `label`, or one column of 0 and 1 per condition"
        )
    places, left_out = _places(
        path,
        root or path.parent,
        [row[path_column] for _, row in rows.lines],
        rows,
        is_whole=root is not None,
    )
    _refuse_times(path, others, places)
    remarks = [*rows.remarks, *_whole_numbers(path, rows, [c for c in (single, subjects) if c is not None])]
    labels: Sequence[Labelled]
    if single is None:
        one_name_each(others, "label", lambda i: f"{path}: column {i + 1} of the conditions", "rename it")
        labels = [_marked(path, line, row, others) for line, row in rows.lines]
        if len(others) > 1 and all(len(marked) == 1 for marked in labels):
            labels = [marked[0] for marked in labels]
            remarks.append(
                f"{path}: each row has exactly one 1 in its columns {', '.join(others[:5])}"
                f"{', ...' if len(others) > 5 else ''}, so that each input has one label and not several"
            )
    else:
        labels = _divided(path, rows, single, remarks)
        if others:
            remarks.append(f"{path}: columns that aren't read: {', '.join(others)}")
    parts, given, how = _parts(path, rows, part, fold, options)
    by_part: dict[str, list[int]] = {}
    for position, name in enumerate(parts):
        if name:
            by_part.setdefault(name, []).append(position)
    if "train" not in by_part:
        raise DataError(f"{path}: no row belongs to the train part; mark some with train")
    persons = None if subjects is None else [row[subjects] for _, row in rows.lines]
    splits = {
        name: Split(
            [places[i] for i in positions],
            label_array([labels[i] for i in positions]),
            None if persons is None else label_array([persons[i] for i in positions]),
        )
        for name, positions in by_part.items()
    }
    return Listed(
        path,
        path.stem if root is None else root.resolve().name,
        splits,
        [name for name in ("train", "val", "test") if name in splits] if given else [],
        f"table {path.name!r}{how}",
        lambda part, position, what: f"{path}, line {rows.lines[by_part[part][position]][0]}: the {what}",
        "name one or remove the line",
        left_out,
        remarks,
    )


@DATASETS.register("table")
class Table(DataFormat):
    """A table of paths and labels."""

    what = "a .csv, .tsv, .jsonl or .parquet table"
    uses = frozenset({"subjects", "folds", "split_by", "columns"})
    order = 20

    def reads(self, path: Path) -> bool:
        """Tell whether it is a file with the ending of a table."""
        return path.is_file() and path.suffix.lower() in TABLES

    def load(self, path: Path, options: DataOptions) -> Dataset:
        """Return the data set; `subjects` names a column."""
        return load_table(path, options)


def _places(
    path: Path, root: Path, names: Sequence[str], rows: Rows, *, is_whole: bool
) -> tuple[list[Path], tuple[tuple[str, int], ...]]:
    """Return where each named file lies, and how many other files are beside them, by reason.

    `is_whole`: whether the folder `root` was given as the data, and not the table alone, beside which anything may lie.
    """
    places: list[Path] = []
    by_name: dict[str, list[str]] | None = None
    listing = Listing()
    for (line, _), name in zip(rows.lines, names, strict=True):
        if name in rows.files:
            places.append(rows.files[name])
            continue
        input_path = root / name.replace("\\", "/")
        if not is_file(input_path):
            if not name.strip():
                raise DataError(f"{path}, line {line}: the path is empty; name a file or remove the line")
            by_name = _by_name(listing.all_files(root)) if by_name is None else by_name
            last = input_path.name.strip()
            known = by_name.get(last) or by_name.get(last.casefold(), [])
            if len(known) != 1:
                several = (
                    f"{len(known)} files are called so, such as {known[0]}"
                    if known
                    else f"no such file: {shortened(input_path, 300)}"
                )
                raise DataError(f"{path}, line {line}: {several}")
            input_path = Path(known[0])
        places.append(input_path)
    beside = {file for files in by_name.values() for file in files} if by_name else set[str]()
    if is_whole and by_name is None:
        beside = set(listing.all_files(root))
    listing.left_out.pop(str(path), None)  # the table itself is read
    for file in beside - {str(input_path) for input_path in places}:
        listing.leave_out(file, "not in the table")
    return places, listing.counts()


def _by_name(files: Sequence[str]) -> dict[str, list[str]]:
    """Return files by their names, with and without endings, as they are and in small letters."""
    by_name: dict[str, list[str]] = {}
    for file in files:
        names = {Path(file).name, Path(file).stem}
        for key in names | {name.casefold() for name in names}:
            by_name.setdefault(key, []).append(file)
    return by_name


def _whole_numbers(path: Path, rows: Rows, columns: Sequence[str]) -> list[str]:
    """Take off the `.0` that libraries put behind whole numbers, and return a sentence on each column that had it."""
    changed = [name for name in columns if all(FLOAT.fullmatch(row[name].strip()) for _, row in rows.lines)]
    for name in changed:
        for _, row in rows.lines:
            row[name] = row[name].strip().partition(".")[0]
    return [f"{path}: column {name!r} holds whole numbers with '.0'; taken without it" for name in changed]


def _refuse_times(path: Path, others: Sequence[str], places: Sequence[Path]) -> None:
    """Raise `DataError` for columns that choose pieces of recordings, where a recording is in several rows."""
    times = [name for name in others if name.casefold() in TIMES]
    recording, count = Counter(places).most_common(1)[0]
    if times and count > 1:
        raise DataError(
            f"{path}: columns {', '.join(times)} choose pieces of recordings, and {recording} is in {count} rows; "
            "recordings are read from their beginning, so cut the pieces into files of their own first"
        )


def _divided(path: Path, rows: Rows, single: str, remarks: list[str]) -> Sequence[Labelled]:
    """Return the label of each row, or sorted tuples where cells hold several; what was done goes to `remarks`."""
    cells = [row[single].strip() for _, row in rows.lines]
    different = set(cells)
    for divider in DIVIDERS:
        several = sorted(cell for cell in different if divider in cell)
        pieces = {cell: _pieces(cell, divider) for cell in several}
        alone = different.intersection(piece for one in pieces.values() for piece in one)
        if several and (alone or divider == "|") and all(len(one) > 1 for one in pieces.values()):
            remarks.append(
                f"{path}: {sum(cell in pieces for cell in cells):,} cells such as {several[0]!r} hold several labels, "
                f"divided by {divider!r}; every input is taken to have one label or several"
            )
            for (line, _), cell in zip(rows.lines, cells, strict=True):
                if not cell:
                    raise DataError(f"{path}, line {line}: the label is empty; name one or remove the line")
            return [tuple(sorted(set(pieces.get(cell, [cell])))) for cell in cells]
    spaced = {cell: cell.split() for cell in different if " " in cell}
    if spaced and all(different.issuperset(words) for words in spaced.values()):
        remarks.append(
            f"{path}: labels such as {sorted(spaced)[0]!r} are made of other labels; each is taken as a class of its "
            "own. If an input has several labels, divide them by '|'"
        )
    return [row[single] for _, row in rows.lines]


def _pieces(cell: str, divider: str) -> list[str]:
    return [normal_name(piece) for piece in cell.split(divider) if piece.strip()]


def _parts(
    path: Path, rows: Rows, part: str | None, fold: str | None, options: DataOptions
) -> tuple[list[str], bool, str]:
    """Return the part of each row ("" for one that isn't used), whether the table gives them, and a note on folds."""
    if part is None and fold is not None and all(row[fold].strip().isdecimal() for _, row in rows.lines):
        numbers = [int(row[fold]) for _, row in rows.lines]
        if len(set(numbers)) > 1:
            used, test = chosen_folds(path, sorted(set(numbers)), options)
            learn = ", ".join(str(number) for number in used if number != test)
            names = ["test" if n == test else "train" if n in used else "" for n in numbers]
            return names, True, f"; folds of its column, tested on {test}, learned from {learn}"
    refuse_folds(str(path), options)
    if part is None:
        return ["train"] * len(rows.lines), False, ""
    names = []
    meant = parts_of_words(sorted({row[part] for _, row in rows.lines}))
    for line, row in rows.lines:
        name = meant.get(row[part])
        if name is None:
            raise DataError(f"{path}, line {line}: part {row[part]!r} is unknown; write train, val or test")
        names.append(name)
    return names, True, ""


def _marked(path: Path, line: int, row: dict[str, str], conditions: Sequence[str]) -> tuple[str, ...]:
    for name in conditions:
        if not MARK.fullmatch(row[name]):
            raise DataError(
                f"{path}, line {line}: column {name!r} holds {row[name]!r}; conditions are 0 or 1"
            )
    return tuple(sorted(name for name in conditions if row[name].strip()[0] in "1Tt"))
