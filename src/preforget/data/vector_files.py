"""Vectors in files: `.npz` and `.npy` arrays, and tables whose columns are numbers or lists of numbers.

Such a file is a copy of what was computed of people's data; it lies outside of every model, and forgetting doesn't
reach it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError
from preforget.core.files import open_regular
from preforget.data.addresses import open_source
from preforget.data.assemble import Listed, assemble
from preforget.data.cells import read_rows
from preforget.data.columns import Columns, chosen, has
from preforget.data.dataset import Dataset, Split, label_array
from preforget.data.labels import as_texts
from preforget.data.parquet_vectors import Chosen, holds_numbers, read_vectors_of
from preforget.data.part_names import part_of_word
from preforget.data.registry import DATASETS, DataFormat, DataOptions
from preforget.data.table import ENDINGS, LABEL, PART, PATH
from preforget.data.text_files import TEXT, first_cells, header_of
from preforget.data.vectors import Vectors, as_vectors

COPY = (
    "the file of vectors is a copy of what was computed of these inputs, outside of the model; forgetting doesn't "
    "reach it"
)
"""What a data set of vectors says."""

ROWS, NAMES, PERSONS = (
    ("X", "x", "vectors", "embeddings", "features"),
    ("y", "labels", "label"),
    ("subjects",),
)
LISTS = ("vector", "embedding", "embeddings", "features")
"""Names of a column in which each cell is a whole vector."""

PARTS = ("train", "val", "test")
ORDER = 12
Part = tuple[Any, Sequence[Any], Sequence[Any] | None]
"""Vectors, labels and subjects."""


@DATASETS.register("vectors")
class VectorArrays(DataFormat):
    """`.npz` with `X` and `y`, or `train_X` and so on; or `NAME.npy` with `NAME.labels.txt` or `NAME.labels.npy`."""

    what = "a .npz of vectors X and labels y, or a .npy beside NAME.labels.txt"
    uses = frozenset({"subjects", "split_by"})
    order = ORDER

    def reads(self, path: Path) -> bool:
        """Tell whether it is an archive with vectors and labels, or an array with labels beside it."""
        if path.suffix.lower() == ".npy" and path.is_file():
            return True
        if path.suffix.lower() != ".npz" or not path.is_file():
            return False
        try:
            with open_regular(path, 2**40) as raw, zipfile.ZipFile(raw) as archive:
                keys = {Path(name).stem for name in archive.namelist()}
        except (OSError, zipfile.BadZipFile, NotImplementedError):  # the last: of a later version of zip
            return False
        return any(_key(keys, ROWS, start) and _key(keys, NAMES, start) for start in ("", "train_"))

    def load(self, path: Path, options: DataOptions) -> Dataset:
        """Return the data set; `subjects` names an array."""
        if path.suffix.lower() == ".npy":
            return _assembled(path, {"train": (_array(path), _labels_beside(path), None)}, options)
        arrays = _arrays(path)
        wanted = (str(options.subjects),) if options.subjects is not None else ()
        starts = {"train": ""} if _key(arrays, ROWS, "") else {part: f"{part}_" for part in PARTS}
        parts: dict[str, Part] = {}
        for part, start in starts.items():
            rows, names = _key(arrays, ROWS, start), _key(arrays, NAMES, start)
            if rows is None and part != "train":
                continue
            if rows is None or names is None:
                raise DataError(f"{path}: needs {start}X and {start}y; it has {', '.join(sorted(arrays))}")
            person = _key(arrays, wanted, start)
            if wanted and person is None:
                raise DataError(f"{path}: has no array {start}{wanted[0]} of subjects")
            persons = None if person is None else arrays[person].tolist()
            parts[part] = arrays[rows], arrays[names].ravel().tolist(), persons
        return _assembled(path, parts, options)


@DATASETS.register("table of vectors")
class VectorTable(DataFormat):
    """A table with labels in which every other column holds numbers, or one holds whole vectors."""

    what = "a table with the column label and columns of numbers"
    uses = frozenset({"subjects", "split_by", "columns"})
    order = ORDER

    def reads(self, path: Path) -> bool:
        """Tell whether the header names labels, and neither files nor texts, and what is left can be numbers."""
        return self.reads_with(path, None)

    def reads_with(self, path: Path, columns: Columns | None) -> bool:
        """Tell the same of a table whose columns a user names."""
        if path.suffix.lower() not in ENDINGS or not path.is_file() or {"path", "text"} & set(columns or {}):
            return False
        header = header_of(path)
        plain = {name.casefold() for name in header}
        files = set(PATH) - {"id", "image_id"}
        if not has(header, columns, "label", LABEL) or plain & (files | set(TEXT)) or "id" in plain:
            return False
        return _starts_with_numbers(path)

    def load(self, path: Path, options: DataOptions) -> Dataset:
        """Return the data set; `subjects` names a column, and `part` or `split` is one that divides the rows."""
        header = header_of(path)
        asked = (("label", LABEL), ("split", PART), ("vector", LISTS))
        label, split, whole = (chosen(path, header, options.columns, *names) for names in asked)
        subjects = None if options.subjects is None else str(options.subjects)
        if path.suffix.lower() == ".parquet" and label is not None and subjects in (None, *header):
            named = (label, split, subjects, "__index_level_0__")
            columns = Chosen(label, split, subjects, [n for n in header if n not in named], whole)
            if holds_numbers(path, columns):
                return _assembled(path, _by_part(path, columns), options)
        rows = read_rows(path)
        if subjects is not None and subjects not in rows.header:
            raise DataError(
                f"{path}: has no column {subjects!r} of subjects; it has {', '.join(rows.header)}"
            )
        others = [whole] if whole else [n for n in rows.header if n not in (label, split, subjects)]
        lines_by_part: dict[str, list[tuple[list[float], str, str | None]]] = {}
        for line, row in rows.lines:
            part = "train" if split is None else part_of_word(row[split])
            if part is None:
                raise DataError(
                    f"{path}, line {line}: part {row[split or '']!r} is unknown; write train, val or test"
                )
            cells = (
                row[whole].strip("[] ").replace(",", "|").split("|") if whole else [row[n] for n in others]
            )
            try:
                numbers = [float(cell) for cell in cells]
            except ValueError:
                raise DataError(
                    f"{path}, line {line}: holds something else than numbers. A table without a column of files "
                    f"({PATH[0]}) or texts (text) is read as vectors: all its columns but {label} must be numbers"
                ) from None
            lines_by_part.setdefault(part, []).append(
                (numbers, row[str(label)], None if subjects is None else row[subjects])
            )
        parts: dict[str, Part] = {}
        for part, lines in lines_by_part.items():
            persons = [person for _, _, person in lines] if subjects else None
            parts[part] = [numbers for numbers, _, _ in lines], [name for _, name, _ in lines], persons
        return _assembled(path, parts, options)


def _by_part(path: Path, columns: Chosen) -> dict[str, Part]:
    """Return the vectors of a Parquet table by part, each with its labels and persons."""
    read = read_vectors_of(path, columns)
    labels = read.cells[columns.label]
    persons = None if columns.person is None else read.cells[columns.person]
    if columns.split is None:
        return {"train": (read.rows, labels, persons)}
    words = read.cells[columns.split]
    known = {word: part_of_word(str(word)) for word in set(words)}
    unknown = next((line for line, word in enumerate(words, start=1) if known[word] is None), None)
    if unknown is not None:
        raise DataError(
            f"{path}, line {unknown}: part {words[unknown - 1]!r} is unknown; write train, val or test"
        )
    parts: dict[str, Part] = {}
    for part in dict.fromkeys(known.values()):
        chosen_rows = [row for row, word in enumerate(words) if known[word] == part]
        some = None if persons is None else [persons[row] for row in chosen_rows]
        parts[str(part)] = read.rows[chosen_rows], [labels[row] for row in chosen_rows], some
    return parts


def _starts_with_numbers(path: Path) -> bool:
    """Tell whether the first row of a table holds numbers beside its label and part."""
    if path.suffix.lower() == ".parquet":
        from pyarrow import parquet, types

        with open_source(path) as raw:
            schema = parquet.read_schema(raw)
        kinds = {
            field.name.casefold(): field.type
            for field in schema
            if not field.name.startswith("__index_level_")
        }
        kinds = {name: kind for name, kind in kinds.items() if name not in (*LABEL, *PART)}
        if set(kinds) & set(LISTS):
            return True
        return bool(kinds) and any(types.is_floating(k) or types.is_integer(k) for k in kinds.values())
    header = [name.casefold() for name in header_of(path)]
    first = first_cells(path)
    cells = [cell for name, cell in zip(header, first, strict=False) if name not in (*LABEL, *PART)]
    try:
        return bool(cells) and len(first) == len(header) and any(np.isfinite(_number(cell)) for cell in cells)
    except ValueError:
        return False


def _number(cell: str) -> float:
    try:
        return float(cell.strip("[] ").split(",")[0].split("|")[0])
    except ValueError:
        return float("nan")


def _key(keys: Any, names: Sequence[str], start: str) -> str | None:
    return next((start + name for name in names if start + name in keys), None)


def _array(path: Path) -> npt.NDArray[Any]:
    try:
        with open_regular(path, 2**40) as raw:
            array: npt.NDArray[Any] = np.load(raw, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: can't be read as an array: {error}") from None
    return array


def read_vectors(path: Path) -> Any:
    """Return the vectors of a `.npy` file; raises `DataError` for another array."""
    return _vectors(path, _array(path))


def _vectors(path: Path, rows: Any) -> Vectors:
    if isinstance(rows, np.ndarray) and rows.ndim > 2:
        raise DataError(
            f"{path}: an array of shape {rows.shape} holds no vectors [n, d]; an archive of images has train_images, "
            "train_labels, and the same for val and test"
        )
    try:
        return as_vectors(rows)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _labels_beside(path: Path) -> list[Any]:
    text, array = path.with_suffix(".labels.txt"), path.with_suffix(".labels.npy")
    if array.is_file():
        values: list[Any] = _array(array).ravel().tolist()
        return values
    try:
        return text.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: its labels can't be read from {text.name}, one a line: {error}") from None


def _arrays(path: Path) -> Mapping[str, npt.NDArray[Any]]:
    try:
        with open_regular(path, 2**40) as raw, np.load(raw, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: can't be read as arrays: {error}") from None


def _assembled(path: Path, parts: Mapping[str, Part], options: DataOptions) -> Dataset:
    if "train" not in parts:
        raise DataError(f"{path}: no vector belongs to the train part; mark some with train")
    splits = {}
    for part, (rows, names, persons) in parts.items():
        vectors = _vectors(path, rows)
        if len(names) != len(vectors):
            raise DataError(f"{path}: {len(vectors)} vectors but {len(names)} labels in {part}")
        subjects = None if persons is None else label_array([str(person) for person in persons])
        splits[part] = Split(vectors, as_texts(list(names)), subjects)
    given: list[str] = [part for part in PARTS if part in splits] if len(splits) > 1 else []
    listed = Listed(
        path,
        path.stem,
        splits,
        given,
        f"vectors of {path.name!r}",
        lambda part, position, what: f"{path}: the {what} of row {position} of {part}",
        "name one or remove the row",
        (),
        [COPY],
    )
    return assemble(listed, options)
